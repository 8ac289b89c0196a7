/*
 * tests/conformance/run.c: weir check over many cases, a batch a process.
 *
 * In:   cases. Out: the status and reason of each: what weir said, or crash, timeout, sanitizer.
 * Keep: a batch that ends badly costs its answered cases nothing: the first without an answer is run alone, the others
 *       again in a batch; where a sanitizer reported, each case of the batch is run alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/json.h"
#include "tests/conformance/conform.h"

extern char **environ;

enum { MOST_JOBS = 16, MOST_OUTPUT = 1 << 24 };

typedef struct Batch {
    uint32_t n, *cases; /* numbers of cases, all of one variant */
} Batch;

typedef struct Child {
    pid_t pid; /* 0: a free place */
    Batch batch;
    double started;
    bool stalled;
} Child;

typedef struct Pool {
    Conform *c;
    VEC(Batch) todo; /* a stack */
    Child child[MOST_JOBS];
    uint32_t n_done, n_all;
} Pool;

static double now_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- a process ---- */

static const char *output_path(const Pool *pool, size_t place, const char *what)
{
    return arena_printf(&pool->c->cx->arena, "%s/%s.%zu", pool->c->scratch, what, place);
}

static char **command_of(const Conform *c, const Batch *batch)
{
    Arena *arena = &c->cx->arena;
    char **words = ARENA_ARRAY(arena, char *, batch->n + c->n_extents + 8);
    uint32_t n = 0;
    words[n++] = arena_printf(arena, "%s", c->weir);
    words[n++] = arena_printf(arena, "check");
    words[n++] = arena_printf(arena, "--json");
    words[n++] = arena_printf(arena, "--target=%s", c->target);
    if (c->bit_exact)
        words[n++] = arena_printf(arena, "--bit-exact");
    for (uint32_t i = 0; i < c->n_extents && c->cases.at[batch->cases[0]].variant == VARIANT_DIMS; i++)
        words[n++] = arena_printf(arena, "--dim=extent_%lld=%lld", (long long)c->extents[i], (long long)c->extents[i]);
    for (uint32_t i = 0; i < batch->n; i++)
        words[n++] = arena_printf(arena, "%s", c->cases.at[batch->cases[i]].folder);
    return words;
}

static void start(Pool *pool, size_t place, Batch batch)
{
    Child *child = &pool->child[place];
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, output_path(pool, place, "out"), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    posix_spawn_file_actions_addopen(&actions, 2, output_path(pool, place, "err"), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    char **words = command_of(pool->c, &batch);
    if (posix_spawnp(&child->pid, words[0], &actions, NULL, words, environ) != 0) {
        fprintf(stderr, "conform: cannot run %s\n", words[0]);
        exit(2);
    }
    posix_spawn_file_actions_destroy(&actions);
    child->batch = batch;
    child->started = now_seconds();
    child->stalled = false;
}

/* ---- what it said ---- */

/* Up to MOST_OUTPUT bytes of a file, with a NUL; the caller frees. */
static char *read_output(const char *path)
{
    char *text = calloc(1, MOST_OUTPUT + 1);
    FILE *file = fopen(path, "rb");
    size_t n = text != NULL && file != NULL ? fread(text, 1, MOST_OUTPUT, file) : 0;
    if (text == NULL)
        exit(2);
    text[n] = '\0';
    if (file != NULL)
        fclose(file);
    return text;
}

static const char *text_of(const JsonValue *object, const char *key)
{
    const JsonValue *value = json_get(object, key);
    return value != NULL && value->kind == JSON_IS_TEXT ? value->text : "";
}

static void take_line(Conform *c, const Batch *batch, char *line, size_t n)
{
    const JsonValue *answer;
    const Source source = {.path = "weir check", .text = line, .bytes = n};
    if (json_read(c->cx, &source, &answer) != WEIR_OK)
        return;
    for (uint32_t i = 0; i < batch->n; i++) {
        Case *one = &c->cases.at[batch->cases[i]];
        if (strcmp(one->folder, text_of(answer, "path")) != 0)
            continue;
        const JsonValue *bits = json_get(answer, "bit_exact");
        one->status = text_of(answer, "status");
        one->reason = text_of(answer, "reason");
        if (c->bit_exact && strcmp(one->status, "pass") == 0 && (bits == NULL || bits->integer == 0)) {
            one->status = "fail";
            one->reason = "not equal to the pinned cascade";
        }
    }
}

static void take_lines(Conform *c, const Batch *batch, char *text)
{
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        take_line(c, batch, line, (size_t)(end - line));
    }
}

/* The line of a sanitizer's report, or NULL. */
static const char *sanitizer_line(Conform *c, const char *err)
{
    const char *at = strstr(err, "Sanitizer: ");
    at = at != NULL ? at : strstr(err, ": runtime error: ");
    if (at == NULL)
        return NULL;
    while (at > err && at[-1] != '\n')
        at--;
    return arena_string(&c->cx->arena, at, strcspn(at, "\n"));
}

/* ---- the pool ---- */

static Batch batch_of(Conform *c, uint32_t n, const uint32_t *cases)
{
    return (Batch){n, arena_copy(&c->cx->arena, cases, n * sizeof *cases)};
}

static void push(Pool *pool, Batch batch)
{
    if (batch.n != 0)
        vec_push(&pool->c->cx->arena, &pool->todo, batch);
}

/* One case alone that gave no answer, or a sanitizer's report. */
static void blame(Conform *c, Case *one, const Child *child, int ended, const char *report)
{
    one->status = report != NULL ? "sanitizer" : child->stalled ? "timeout" : "crash";
    one->reason = report != NULL ? report
                  : child->stalled
                      ? arena_printf(&c->cx->arena, "no answer in %g s", c->seconds)
                      : arena_printf(&c->cx->arena, "no answer, wait status %d", ended);
}

static void finish(Pool *pool, size_t place, int ended)
{
    Conform *c = pool->c;
    Child *child = &pool->child[place];
    Batch batch = child->batch;
    char *out = read_output(output_path(pool, place, "out")), *err = read_output(output_path(pool, place, "err"));
    const char *report = sanitizer_line(c, err);
    take_lines(c, &batch, out);
    free(out);
    free(err);
    child->pid = 0;
    bool bad = report != NULL || child->stalled || !WIFEXITED(ended);
    if (batch.n == 1) {
        Case *one = &c->cases.at[batch.cases[0]];
        if (bad || one->status == NULL)
            blame(c, one, child, ended, report);
        pool->n_done++;
        return;
    }
    uint32_t n = 0, *missing = ARENA_ARRAY(&c->cx->arena, uint32_t, batch.n);
    for (uint32_t i = 0; i < batch.n; i++) {
        if (report != NULL)
            push(pool, batch_of(c, 1, &batch.cases[i]));
        else if (c->cases.at[batch.cases[i]].status == NULL)
            missing[n++] = batch.cases[i];
        else
            pool->n_done++;
    }
    if (n != 0) {
        push(pool, batch_of(c, n - 1, missing + 1));
        push(pool, batch_of(c, 1, missing));
    }
}

/* Cases of a batch lie far apart in the list: neighbours have the same operator. */
static void fill(Pool *pool)
{
    Conform *c = pool->c;
    uint32_t *chosen = ARENA_ARRAY(&c->cx->arena, uint32_t, c->cases.n);
    for (int v = VARIANTS - 1; v >= 0; v--) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < c->cases.n; i++)
            if (c->cases.at[i].excluded == NULL && c->cases.at[i].variant == (VariantId)v)
                chosen[n++] = i;
        uint32_t n_batches = (n + c->batch - 1) / c->batch;
        for (uint32_t b = 0; b < n_batches; b++) {
            uint32_t m = 0, *cases = ARENA_ARRAY(&c->cx->arena, uint32_t, c->batch + 1);
            for (uint32_t i = b; i < n; i += n_batches)
                cases[m++] = chosen[i];
            push(pool, (Batch){m, cases});
        }
        pool->n_all += n;
    }
}

void cases_run(Conform *c)
{
    Pool pool = {.c = c};
    fill(&pool);
    for (uint32_t busy = 1; busy != 0;) {
        busy = 0;
        for (size_t place = 0; place < c->jobs && place < MOST_JOBS; place++) {
            Child *child = &pool.child[place];
            int ended;
            if (child->pid != 0 && waitpid(child->pid, &ended, WNOHANG) == child->pid)
                finish(&pool, place, ended);
            if (child->pid == 0 && pool.todo.n != 0)
                start(&pool, place, pool.todo.at[--pool.todo.n]);
            if (child->pid != 0 && !child->stalled &&
                now_seconds() - child->started > c->seconds * (1 + child->batch.n / 8.0)) {
                child->stalled = true;
                kill(child->pid, SIGKILL);
            }
            busy += child->pid != 0;
        }
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    if (pool.n_done != pool.n_all) {
        fprintf(stderr, "conform: %u of %u cases have an answer\n", pool.n_done, pool.n_all);
        exit(2);
    }
}
