/*
 * backends/llvm_loader.c: finds and loads the module with the LLVM backend.
 *
 * Keep: LLVM is mapped only by those who ask for it; once mapped it stays, for its own threads and tables.
 */
#include "backends/llvm_api.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODULE_FILE "weir-llvm.so"

/* The folder of the running program; "" if the system does not say. */
static const char *program_folder(weir_context *cx)
{
    enum { MOST = 4096 };
    char *path = ARENA_ARRAY(&cx->arena, char, MOST);
    ssize_t n = readlink("/proc/self/exe", path, MOST - 1);
    char *slash = n > 0 ? strrchr(path, '/') : NULL;
    if (slash == NULL)
        return "";
    *slash = 0;
    return path;
}

static void *open_module(weir_context *cx, const char **out_why)
{
    const char *given = getenv("WEIR_LLVM_MODULE"), *folder = program_folder(cx);
    const char *places[3] = {given, NULL, NULL};
    if (given == NULL || given[0] == 0) {
        places[0] = arena_printf(&cx->arena, "%s/" MODULE_FILE, folder);
        places[1] = arena_printf(&cx->arena, "%s/../lib/weir/" MODULE_FILE, folder);
    }
    *out_why = "not found";
    for (uint32_t k = 0; places[k] != NULL; k++) {
        if (access(places[k], R_OK) != 0)
            continue;
        void *handle = dlopen(places[k], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (handle != NULL)
            return handle;
        *out_why = arena_printf(&cx->arena, "%s", dlerror());
    }
    return NULL;
}

static void unload(void *handle)
{
    (void)dlclose(handle);
}

static weir_status missing(weir_context *cx, const char *why)
{
    diag(&cx->diag, place_none(), E_LLVM_MISSING, why);
    diag_note(&cx->diag, "install the package weir-llvm, or build weir with LLVM 16..22 (llvm-19-dev); WEIR_LLVM_MODULE names the file");
    return WEIR_UNSUPPORTED;
}

weir_status llvm_api(weir_context *cx, const LlvmApi **out_api)
{
    const char *why;
    void *handle = open_module(cx, &why);
    if (handle == NULL)
        return missing(cx, why);
    context_on_end(cx, unload, handle);
    const LlvmApi *api = dlsym(handle, WEIR_LLVM_API);
    if (api == NULL || api->abi != LLVM_API_ABI || api->loop_ops != LOOP_OP_COUNT)
        return missing(cx, "made for another version of weir");
    *out_api = api;
    return WEIR_OK;
}
