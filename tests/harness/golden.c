/*
 * tests/harness/golden.c: runs golden tests: one file is one test (tests/README.md describes the lines).
 *
 * In:   golden [--bless] [--must-fail] [--jobs=N] --weir=PROGRAM --machines=FOLDER FILE|FOLDER..
 * Out:  the failures, then `golden: N passed, N failed`; exit 1 if one failed.
 * Keep: no shell; a test runs in an empty folder of its own (%t), on a copy of its file cut before EXPECT; a test that
 *       expects nothing fails. Workers are processes, so that each has its own current folder.
 */
#include "tests/harness/golden.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MOST_WORDS = 64, MOST_FILES = 20000, MOST_JOBS = 16, SECONDS = 120, WORD_BYTES = 2 * PATH_MAX };

typedef struct Runner {
    const char *weir, *machines;
    bool bless, must_fail;
    int jobs;
    char **files;
    int n_files;
    char scratch[64]; /* holds stdout, stderr and t/ */
} Runner;

/* ---- files ---- */

Text read_text(const char *path)
{
    Text text = {calloc(1, 1), 0};
    FILE *file = fopen(path, "rb");
    char chunk[65536];
    for (size_t n; file != NULL && (n = fread(chunk, 1, sizeof chunk, file)) != 0;)
        add_text(&text, chunk, n);
    if (file != NULL)
        fclose(file);
    return text;
}

static bool write_text(const char *path, const char *at, size_t n)
{
    FILE *file = fopen(path, "wb");
    bool fine = file != NULL && fwrite(at, 1, n, file) == n;
    return file != NULL && fclose(file) == 0 && fine;
}

static bool is_folder(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Removes what is in a folder, and the folder. */
static void remove_tree(const char *path)
{
    DIR *folder = is_folder(path) ? opendir(path) : NULL;
    if (folder == NULL) {
        unlink(path);
        return;
    }
    char inner[WORD_BYTES];
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        remove_tree(inner);
    }
    closedir(folder);
    rmdir(path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All files below `path`, apart from folders named data (what tests read) and names that begin with a point. */
static void collect(Runner *r, const char *path)
{
    if (!is_folder(path)) {
        char *whole = realpath(path, NULL);
        if (whole == NULL || r->n_files == MOST_FILES) {
            fprintf(stderr, "golden: no file %s\n", path);
            exit(2);
        }
        r->files[r->n_files++] = whole;
        return;
    }
    DIR *folder = opendir(path);
    char inner[WORD_BYTES];
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "data") == 0 || strcmp(entry->d_name, "README.md") == 0)
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        collect(r, inner);
    }
    if (folder != NULL)
        closedir(folder);
}

/* ---- commands ---- */

static const char *after_slash(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* One word of a RUN line with %s %t %m %d replaced. */
static char *expand(const Runner *r, const char *file, const char *word, size_t n)
{
    Text out = {calloc(1, 1), 0};
    for (size_t i = 0; i < n; i++) {
        char code = word[i] == '%' && i + 1 < n ? word[i + 1] : 0;
        i += code == 's' || code == 't' || code == 'm' || code == 'd' || code == '%';
        if (code == 's') {
            add_text(&out, after_slash(file), strlen(after_slash(file)));
        } else if (code == 't') {
            add_text(&out, r->scratch, strlen(r->scratch));
            add_text(&out, "/t", 2);
        } else if (code == 'm') {
            add_text(&out, r->machines, strlen(r->machines));
        } else if (code == 'd') {
            add_text(&out, file, (size_t)(after_slash(file) - file) - 1);
        } else {
            add_text(&out, &word[i], 1);
        }
    }
    return out.at;
}

static void on_alarm(int signal_number)
{
    (void)signal_number; /* waitpid returns */
}

/* Runs a command line with stdout and stderr appended to files. Returns its exit code, 128 + signal, or -1. */
static int run_command(const Runner *r, const char *file, const char *line)
{
    char *words[MOST_WORDS + 1] = {NULL};
    int n_words = 0;
    for (const char *at = line; n_words < MOST_WORDS && *(at += strspn(at, " \t")) != '\0';) {
        size_t n = strcspn(at, " \t");
        words[n_words++] = expand(r, file, at, n);
        at += n;
    }
    if (n_words == 0)
        return -1;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "../stdout", O_WRONLY | O_CREAT | O_APPEND, 0666);
    posix_spawn_file_actions_addopen(&actions, 2, "../stderr", O_WRONLY | O_CREAT | O_APPEND, 0666);
    const char *program = strcmp(words[0], "weir") == 0 ? r->weir : words[0];
    pid_t child;
    int failed = posix_spawnp(&child, program, &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    for (int i = 0; i < n_words; i++)
        free(words[i]);
    if (failed != 0)
        return -1;
    int status = 0;
    alarm(SECONDS);
    if (waitpid(child, &status, 0) < 0) {
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
    }
    alarm(0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* What was written, with the paths of this machine written as in RUN lines. */
static Text read_output(const Runner *r, const char *file, const char *path)
{
    Text raw = read_text(path), out = {calloc(1, 1), 0};
    char *folder = expand(r, file, "%d", 2), *scratch = expand(r, file, "%t", 2);
    const struct {
        const char *path, *code;
    } known[] = {{scratch, "%t"}, {r->machines, "%m"}, {folder, "%d"}};
    for (size_t i = 0; i < raw.n;) {
        size_t k = 0;
        while (k < 3 && (known[k].path[0] == '\0' || strncmp(raw.at + i, known[k].path, strlen(known[k].path)) != 0))
            k++;
        add_text(&out, k < 3 ? known[k].code : raw.at + i, k < 3 ? 2 : 1);
        i += k < 3 ? strlen(known[k].path) : 1;
    }
    free(raw.at);
    free(folder);
    free(scratch);
    return out;
}

/* ---- one test ---- */

static bool run_lines(const Runner *r, const char *file, const Test *test, Text *why)
{
    for (int i = 0; i < test->n_runs; i++) {
        const Run *run = &test->runs[i];
        bool shown = run->shows || i == test->n_runs - 1;
        if (i == 0 || (!test->runs[i - 1].shows && shown))
            unlink("../stdout");
        int code = run_command(r, file, run->command);
        if (code != run->exit_code)
            add_format(why, "exit code %d instead of %d of: %s\n", code, run->exit_code, run->command);
        if (code != run->exit_code)
            return false;
    }
    return true;
}

static bool bless(const char *file, const Test *test, const Text *source, const Text *out)
{
    Text text = {calloc(1, 1), 0};
    add_text(&text, source->at, test->cut);
    if (text.n != 0 && text.at[text.n - 1] != '\n')
        add_text(&text, "\n", 1);
    add_format(&text, "%s EXPECT:\n", test->leader);
    add_text(&text, out->at, out->n);
    bool fine = write_text(file, text.at, text.n);
    free(text.at);
    return fine;
}

/* The empty folder t/ as current folder, with the copy of the file. */
static bool enter_scratch(const Runner *r, const char *file, const char *source, size_t n)
{
    char path[WORD_BYTES];
    snprintf(path, sizeof path, "%s/t", r->scratch);
    remove_tree(path);
    if (mkdir(path, 0777) != 0 || chdir(path) != 0)
        return false;
    unlink("../stdout");
    unlink("../stderr");
    return write_text(after_slash(file), source, n);
}

static bool run_and_compare(const Runner *r, const char *file, const Test *test, const Text *source, Text *why)
{
    bool fine = run_lines(r, file, test, why);
    Text out = read_output(r, file, "../stdout"), err = read_output(r, file, "../stderr");
    if (r->bless && fine && (test->has_expect || !expects_something(test)))
        fine = bless(file, test, source, &out);
    else
        fine = compare(test, &out, why) && fine;
    fine = compare_errors(test, &err, why) && fine;
    if (!fine && err.n != 0)
        add_format(why, "stderr:\n%s", err.at);
    free(out.at);
    free(err.at);
    return fine;
}

/* Runs a test; appends what is wrong to `why`. */
static bool run_test(const Runner *r, const char *file, Text *why)
{
    Text source = read_text(file);
    Test *test = calloc(1, sizeof *test);
    bool fine = test != NULL && parse_test(&source, test, why);
    if (fine && !expects_something(test) && !r->bless) {
        add_format(why, "expects nothing\n");
        fine = false;
    }
    if (fine && !enter_scratch(r, file, source.at, test->cut)) {
        add_format(why, "no scratch folder\n");
        fine = false;
    }
    fine = fine && run_and_compare(r, file, test, &source, why);
    if (r->must_fail) {
        const char *reason = test != NULL && test->fails != NULL ? test->fails : "(no FAILS line)";
        bool as_said = !fine && strstr(why->at, reason) != NULL;
        add_format(why, "should have failed with: %s\n", reason);
        fine = as_said;
    }
    free(source.at);
    free(test);
    return fine;
}

/* Every jobs-th file; the exit code says whether one failed, `report` receives one byte a test. */
static void work(Runner *r, int worker, int report)
{
    strcpy(r->scratch, "/tmp/weir-golden-XXXXXX");
    if (mkdtemp(r->scratch) == NULL)
        exit(2);
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    for (int i = worker; i < r->n_files; i += r->jobs) {
        Text why = {calloc(1, 1), 0};
        bool fine = run_test(r, r->files[i], &why);
        if (!fine) {
            Text all = {calloc(1, 1), 0};
            add_format(&all, "FAIL %s\n%s\n", r->files[i], why.at);
            fwrite(all.at, 1, all.n, stdout);
            fflush(stdout);
            free(all.at);
        }
        free(why.at);
        if (write(report, fine ? "+" : "-", 1) != 1)
            exit(2);
    }
    if (chdir("/") == 0)
        remove_tree(r->scratch);
    _exit(0);
}

static int run_all(Runner *r)
{
    int report[2], passed = 0, failed = 0;
    if (pipe(report) != 0)
        return 2;
    for (int worker = 0; worker < r->jobs; worker++)
        if (fork() == 0)
            work(r, worker, report[1]);
    close(report[1]);
    for (char verdict; read(report[0], &verdict, 1) == 1;)
        *(verdict == '+' ? &passed : &failed) += 1;
    while (wait(NULL) > 0)
        continue;
    failed += r->n_files - passed - failed; /* a worker that died */
    printf("golden: %d passed, %d failed\n", passed, failed);
    return failed != 0 || passed == 0;
}

int main(int argc, char **argv)
{
    Runner r = {.jobs = 2, .weir = "weir", .machines = ""};
    r.files = calloc(MOST_FILES, sizeof *r.files);
    for (int i = 1; i < argc && r.files != NULL; i++) {
        if (strcmp(argv[i], "--bless") == 0)
            r.bless = true;
        else if (strcmp(argv[i], "--must-fail") == 0)
            r.must_fail = true;
        else if (strncmp(argv[i], "--jobs=", 7) == 0)
            r.jobs = atoi(argv[i] + 7);
        else if (strncmp(argv[i], "--weir=", 7) == 0)
            r.weir = realpath(argv[i] + 7, NULL);
        else if (strncmp(argv[i], "--machines=", 11) == 0)
            r.machines = realpath(argv[i] + 11, NULL);
        else
            collect(&r, argv[i]);
    }
    if (r.machines == NULL)
        r.machines = "";
    if (r.jobs < 1 || r.jobs > MOST_JOBS || r.weir == NULL || r.n_files == 0) {
        fputs("usage: golden [--bless] [--must-fail] [--jobs=N] --weir=PROGRAM --machines=FOLDER FILE|FOLDER..\n", stderr);
        return 2;
    }
    qsort(r.files, (size_t)r.n_files, sizeof *r.files, by_name);
    int code = run_all(&r);
    fflush(stdout);
    _exit(code); /* a short program: what it allocated goes with it */
}
