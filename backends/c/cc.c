/*
 * backends/c/cc.c: the C compiler, started without a shell in a private folder; the result loaded.
 *
 * Keep: nothing stays in the file system; a compiler that fails is reported with the end of what it said.
 */
#include "backends/c/internal.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MOST_ARGUMENTS = 32 };

typedef struct Work {
    weir_context *cx;
    const char *folder, *source, *object, *log;
} Work;

static MUST_USE weir_status open_work(weir_context *cx, Work *work)
{
    const char *base = getenv("TMPDIR");
    char *folder = arena_printf(&cx->arena, "%s/weir-" "XX" "XX" "XX", base != NULL && base[0] != 0 ? base : "/tmp");
    if (mkdtemp(folder) == NULL) {
        diag(&cx->diag, place_none(), E_WRITE, folder, strerror(errno));
        return WEIR_MALFORMED;
    }
    *work = (Work){.cx = cx, .folder = folder, .source = arena_printf(&cx->arena, "%s/model.c", folder),
                   .object = arena_printf(&cx->arena, "%s/model.so", folder), .log = arena_printf(&cx->arena, "%s/log", folder)};
    return WEIR_OK;
}

static void close_work(const Work *work)
{
    (void)unlink(work->source);
    (void)unlink(work->object);
    (void)unlink(work->log);
    (void)rmdir(work->folder);
}

static MUST_USE weir_status write_source(const Work *work, uint32_t n, CProgram *const *programs)
{
    FILE *file = fopen(work->source, "w");
    bool ok = file != NULL;
    for (uint32_t k = 0; ok && k < n; k++)
        ok = fwrite(programs[k]->source.at, 1, programs[k]->source.n, file) == programs[k]->source.n;
    if (file != NULL)
        ok = fclose(file) == 0 && ok;
    if (ok)
        return WEIR_OK;
    diag(&work->cx->diag, place_none(), E_WRITE, work->source, strerror(errno));
    return WEIR_MALFORMED;
}

static const char *march(const CProgram *program)
{
    if (program->options.cpu != NULL)
        return program->options.cpu;
#if defined __x86_64__
    return program->loops->vector_bytes >= 64 ? "x86-64-v4" : program->loops->vector_bytes >= 32 ? "x86-64-v3" : "x86-64-v2";
#else
    return "";
#endif
}

/* $CC may hold arguments. */
static uint32_t compiler_arguments(weir_context *cx, char **out)
{
    const char *cc = getenv("CC");
    char *text = arena_printf(&cx->arena, "%s", cc != NULL && cc[0] != 0 ? cc : "cc"), *save = NULL;
    uint32_t n = 0;
    for (char *word = strtok_r(text, " ", &save); word != NULL && n < 8; word = strtok_r(NULL, " ", &save))
        out[n++] = word;
    if (n == 0)
        out[n++] = arena_printf(&cx->arena, "cc");
    return n;
}

static int start(const Work *work, char **arguments)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int state = -1;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return -1;
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&actions, 1, work->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    (void)posix_spawn_file_actions_adddup2(&actions, 1, 2);
    int failed = posix_spawnp(&pid, arguments[0], &actions, NULL, arguments, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (failed != 0)
        return -1;
    while (waitpid(pid, &state, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

static const char *first_lines(const Work *work)
{
    char *text = ARENA_ARRAY(&work->cx->arena, char, 1025);
    FILE *file = fopen(work->log, "r");
    if (file == NULL)
        return "it could not be started";
    size_t n = fread(text, 1, 1024, file);
    text[n] = 0;
    (void)fclose(file);
    return n > 0 ? text : "no message";
}

static MUST_USE weir_status compile(const Work *work, const CProgram *program)
{
    weir_context *cx = work->cx;
    char *arguments[MOST_ARGUMENTS];
    uint32_t n = compiler_arguments(cx, arguments);
    const char *cpu = march(program);
    bool tiny = strstr(arguments[0], "tcc") != NULL;
    const char *const fixed[] = {"-std=gnu11", "-ffp-contract=off", "-fno-math-errno", "-DW_OWN_FLAGS", "-w", "-shared", "-fPIC"};
    for (size_t k = 0; k < sizeof fixed / sizeof fixed[0]; k++)
        arguments[n++] = arena_printf(&cx->arena, "%s", fixed[k]);
    arguments[n++] = arena_printf(&cx->arena, "-O%d", program->options.level);
    if (cpu[0] != 0 && !tiny)
        arguments[n++] = arena_printf(&cx->arena, "-march=%s", cpu);
    char *const rest[] = {arena_printf(&cx->arena, "-o"), arena_printf(&cx->arena, "%s", work->object),
                          arena_printf(&cx->arena, "%s", work->source), arena_printf(&cx->arena, "-lm"), NULL};
    memcpy(&arguments[n], rest, sizeof rest);
    if (start(work, arguments) == 0)
        return WEIR_OK;
    diag(&cx->diag, place_none(), E_C_COMPILER, arguments[0], first_lines(work));
    return WEIR_UNSUPPORTED;
}

static void unload(void *handle)
{
    (void)dlclose(handle);
}

static MUST_USE weir_status load(const Work *work, uint32_t n, CProgram *const *programs, CLibrary *out_libraries)
{
    weir_context *cx = work->cx;
    void *handle = dlopen(work->object, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        diag(&cx->diag, place_none(), E_C_COMPILER, "dlopen", dlerror());
        return WEIR_UNSUPPORTED;
    }
    context_on_end(cx, unload, handle);
    for (uint32_t k = 0; k < n; k++) {
        out_libraries[k] = (CLibrary){.host = {.cx = cx, .loops = programs[k]->loops, .weights = programs[k]->weights}, .handle = handle};
        void *run = dlsym(handle, arena_printf(&cx->arena, "%s_run", programs[k]->name));
        if (run == NULL)
            weir_bug(cx, "no function %s_run", programs[k]->name);
        memcpy(&out_libraries[k].host.run, &run, sizeof run);
    }
    return WEIR_OK;
}

weir_status c_build(weir_context *cx, uint32_t n, CProgram *const *programs, CLibrary *out_libraries)
{
    Work work;
    TRY(open_work(cx, &work));
    weir_status status = write_source(&work, n, programs);
    if (status == WEIR_OK)
        status = compile(&work, programs[0]);
    if (status == WEIR_OK)
        status = load(&work, n, programs, out_libraries);
    close_work(&work);
    return status;
}
