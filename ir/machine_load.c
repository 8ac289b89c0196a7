/*
 * ir/machine_load.c: machine files on disk, bases, `--set`.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ir/machine_parse.h"
#include "support/file.h"
#include "support/nearest.h"

enum { MACHINE_MOST_BASES = 16 };

#define MACHINE_SUFFIX ".machine"

static const char *machine_folder(void)
{
    const char *folder = getenv("WEIR_MACHINES");
    struct stat info;
    if (folder != NULL && folder[0] != '\0')
        return folder;
    return stat(WEIR_MACHINES_INSTALL, &info) == 0 ? WEIR_MACHINES_INSTALL : WEIR_MACHINES_SOURCE;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

static weir_status parse_file(weir_context *cx, const char *path, MachineParse *out_parse)
{
    *out_parse = (MachineParse){.cx = cx};
    TRY(file_source(cx, path, &out_parse->source));
    return machine_parse(out_parse);
}

static const Machine *named(const MachineParse *parse, Name name)
{
    for (uint32_t i = 0; i < parse->machines.n; i++)
        if (name_is(parse->machines.at[i]->name, name))
            return parse->machines.at[i];
    return NULL;
}

static int by_text(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

/* The machine files of the folder, sorted. */
static weir_status list_files(weir_context *cx, uint32_t *out_n, const char ***out_paths)
{
    VEC(const char *) paths = {0};
    const char *folder = machine_folder();
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        diag(&cx->diag, place_none(), E_OPEN, folder, "no folder of machine files (WEIR_MACHINES)");
        return WEIR_MALFORMED;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (!ends_with(entry->d_name, MACHINE_SUFFIX))
            continue;
        size_t bytes = strlen(folder) + strlen(entry->d_name) + 2;
        char *path = arena_try_alloc(&cx->arena, bytes);
        if (path == NULL)
            break;
        snprintf(path, bytes, "%s/%s", folder, entry->d_name);
        if (paths.n == paths.room) {
            uint32_t room = paths.room * 2 + 16;
            const char **wider = arena_try_alloc(&cx->arena, room * sizeof *wider);
            if (wider == NULL)
                break;
            if (paths.n != 0)
                memcpy(wider, paths.at, paths.n * sizeof *wider);
            paths.at = wider;
            paths.room = room;
        }
        paths.at[paths.n++] = path;
    }
    closedir(dir);
    if (paths.n != 0)
        qsort(paths.at, paths.n, sizeof *paths.at, by_text);
    *out_n = paths.n;
    *out_paths = paths.at;
    return WEIR_OK;
}

/* The machine `name` of any file of the folder, with its own entries only; NULL if there is none. */
static weir_status search_folder(weir_context *cx, Name name, const Machine **out_raw, MachineParse *out_parse)
{
    *out_raw = NULL;
    const char *path = arena_printf(&cx->arena, "%s/%s" MACHINE_SUFFIX, machine_folder(), cx_text(cx, name));
    struct stat info;
    if (strchr(cx_text(cx, name), '/') == NULL && stat(path, &info) == 0) {
        TRY(parse_file(cx, path, out_parse));
        *out_raw = named(out_parse, name);
        if (*out_raw != NULL)
            return WEIR_OK;
    }
    uint32_t n;
    const char **paths;
    TRY(list_files(cx, &n, &paths));
    for (uint32_t i = 0; i < n && *out_raw == NULL; i++) {
        TRY(parse_file(cx, paths[i], out_parse));
        *out_raw = named(out_parse, name);
    }
    return WEIR_OK;
}

weir_status machine_names(weir_context *cx, uint32_t *out_n, Name **out_names)
{
    uint32_t n;
    const char **paths;
    VEC(const char *) found = {0};
    TRY(list_files(cx, &n, &paths));
    for (uint32_t i = 0; i < n; i++) {
        MachineParse parse;
        TRY(parse_file(cx, paths[i], &parse));
        for (uint32_t m = 0; m < parse.machines.n; m++)
            vec_push(&cx->arena, &found, cx_text(cx, parse.machines.at[m]->name));
    }
    if (found.n != 0)
        qsort(found.at, found.n, sizeof *found.at, by_text);
    Name *names = ARENA_ARRAY(&cx->arena, Name, found.n);
    for (uint32_t i = 0; i < found.n; i++)
        names[i] = intern_text(&cx->names, found.at[i]);
    *out_n = found.n;
    *out_names = names;
    return WEIR_OK;
}

static weir_status no_machine(weir_context *cx, const char *name)
{
    uint32_t n, kept = cx->diag.list.n;
    Name *names;
    weir_status status = machine_names(cx, &n, &names);
    diagnostics_cut(&cx->diag, kept);
    diag(&cx->diag, place_none(), E_NO_MACHINE, name);
    Nearest nearest = nearest_to(name, strlen(name));
    for (uint32_t i = 0; status == WEIR_OK && i < n; i++)
        nearest_offer(&nearest, cx_text(cx, names[i]));
    if (nearest.best != NULL)
        diag_note(&cx->diag, "did you mean '%s'?", nearest.best);
    return WEIR_USAGE;
}

static Machine *copy_of(const Machine *machine)
{
    Machine *copy = ARENA_NEW(&machine->cx->arena, Machine);
    *copy = *machine;
    copy->entries.room = copy->entries.n;
    copy->entries.at = arena_copy(&machine->cx->arena, machine->entries.at,
                                  machine->entries.n * sizeof *machine->entries.at);
    return copy;
}

/* An empty machine of the name, place and text of `raw`. */
static Machine *bare(const Machine *raw)
{
    Machine *machine = ARENA_NEW(&raw->cx->arena, Machine);
    *machine = (Machine){.cx = raw->cx, .name = raw->name, .source = raw->source};
    vec_push(&raw->cx->arena, &machine->entries, raw->entries.at[0]);
    return machine;
}

/* `raw` on top of its bases, which stand in the same file or in the folder. */
static weir_status with_bases(weir_context *cx, const MachineParse *file, const Machine *raw, unsigned depth,
                              Machine **out_machine)
{
    Machine *machine = bare(raw);
    if (raw->base.i != 0) {
        const Machine *base = name_is(raw->base, raw->name) ? NULL : named(file, raw->base);
        MachineParse other = *file;
        if (depth == MACHINE_MOST_BASES || name_is(raw->base, raw->name)) {
            diag(&cx->diag, place_text(raw->source, raw->entries.at[0].line, 0, 0), E_MACHINE_BASE,
                 cx_text(cx, raw->name));
            return WEIR_MALFORMED;
        }
        if (base == NULL)
            TRY(search_folder(cx, raw->base, &base, &other));
        if (base == NULL)
            return no_machine(cx, cx_text(cx, raw->base));
        TRY(with_bases(cx, &other, base, depth + 1, &machine));
        machine->name = raw->name;
        machine->base = raw->base;
        machine->source = raw->source;
        machine->entries.at[0] = raw->entries.at[0];
    }
    TRY(machine_overlay(machine, raw));
    *out_machine = machine;
    return WEIR_OK;
}

static weir_status finish(weir_context *cx, const MachineParse *file, const Machine *raw, const Machine **out_machine)
{
    Machine *machine = NULL;
    TRY(with_bases(cx, file, raw, 0, &machine));
    TRY(machine_check(machine));
    *out_machine = machine;
    return WEIR_OK;
}

/* Of a file given by path: the machine named as the file, else the last one. */
static weir_status load_path(weir_context *cx, const char *path, const Machine **out_machine)
{
    MachineParse parse;
    TRY(parse_file(cx, path, &parse));
    const char *slash = strrchr(path, '/'), *stem = slash != NULL ? slash + 1 : path;
    if (parse.machines.n == 0) {
        diag(&cx->diag, place_text(parse.source, 1, 1, 1), E_SYNTAX, "no machine in the file");
        return WEIR_MALFORMED;
    }
    const Machine *raw = named(&parse, cx_intern(cx, stem, strlen(stem) - strlen(MACHINE_SUFFIX)));
    return finish(cx, &parse, raw != NULL ? raw : parse.machines.at[parse.machines.n - 1], out_machine);
}

weir_status machine_load(weir_context *cx, const char *name, const Machine **out_machine)
{
    if (ends_with(name, MACHINE_SUFFIX))
        return load_path(cx, name, out_machine);
    MachineParse parse;
    const Machine *raw;
    TRY(search_folder(cx, intern_text(&cx->names, name), &raw, &parse));
    if (raw != NULL)
        return finish(cx, &parse, raw, out_machine);
    const char *stem = arena_string(&cx->arena, name, ends_with(name, ".host") ? strlen(name) - 5 : 0);
    if (stem[0] == 0 || ends_with(stem, ".host"))
        return no_machine(cx, name);
    const Machine *whole;
    TRY(machine_load(cx, stem, &whole));
    return machine_host(cx, whole, out_machine);
}

weir_status machine_load_of_file(weir_context *cx, const char *name, const Machine **out_machine)
{
    weir_status status = machine_load(cx, name, out_machine);
    return status == WEIR_USAGE ? WEIR_INVALID : status;
}

weir_status machine_host(weir_context *cx, const Machine *machine, const Machine **out_machine)
{
    const Machine *host;
    TRY(machine_load(cx, "host", &host));
    Machine *side = copy_of(host);
    side->name = intern_text(&cx->names, arena_printf(&cx->arena, "%s.host", cx_text(cx, machine->name)));
    side->source = machine->source;
    uint32_t block = machine_find(machine, "host");
    if (block != 0) {
        Machine *raw = bare(machine); /* the block's entries as entries of a machine */
        uint32_t *number = ARENA_ARRAY(&cx->arena, uint32_t, machine->entries.n);
        for (uint32_t i = 1; i < machine->entries.n; i++) {
            MachineEntry entry = machine->entries.at[i];
            if (entry.parent != block && (entry.parent == 0 || number[entry.parent] == 0))
                continue;
            entry.parent = entry.parent == block ? 0 : number[entry.parent];
            number[i] = raw->entries.n;
            vec_push(&cx->arena, &raw->entries, entry);
        }
        TRY(machine_overlay(side, raw));
    }
    TRY(machine_check(side));
    *out_machine = side;
    return WEIR_OK;
}

weir_status machine_set(weir_context *cx, const Machine *machine, const char *assignment, const Machine **out_machine)
{
    const char *equals = strchr(assignment, '=');
    Source *source = ARENA_NEW(&cx->arena, Source);
    source->path = "--set";
    source->text = arena_printf(&cx->arena, "machine set {%s}", assignment);
    source->bytes = strlen(source->text);
    MachineParse parse = {.cx = cx, .source = source};
    TRY(machine_parse(&parse));
    const Machine *raw = parse.machines.n == 1 ? parse.machines.at[0] : NULL;
    if (equals == NULL || raw == NULL || raw->entries.n != 2 || raw->entries.at[1].is_block || raw->base.i != 0) {
        diag(&cx->diag, place_none(), E_USAGE,
             arena_printf(&cx->arena, "--set takes KEY=VALUE, not '%s'", assignment));
        return WEIR_USAGE;
    }
    Machine *copy = copy_of(machine);
    TRY(machine_overlay(copy, raw));
    TRY(machine_check(copy));
    *out_machine = copy;
    return WEIR_OK;
}
