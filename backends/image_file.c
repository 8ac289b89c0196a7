/* backends/image_file.c: see image_file.h. */
#include "backends/image_file.h"

#include <string.h>

#include "isa/imagetext.h"
#include "support/file.h"

weir_status image_of_source(weir_context *cx, const Source *source, Image *out_image, bool *out_text)
{
    bool text = source->bytes < 4 || memcmp(source->text, "WEIR", 4) != 0;
    if (out_text != NULL)
        *out_text = text;
    if (text)
        return image_assemble(cx, source, out_image);
    return image_read(cx, (const unsigned char *)source->text, source->bytes, out_image);
}

weir_status image_open(weir_context *cx, const char *path, Image *out_image, bool *out_text)
{
    const Source *source;
    TRY(file_source(cx, path, &source));
    return image_of_source(cx, source, out_image, out_text);
}

weir_status image_machine(weir_context *cx, const Image *image, const weir_settings *settings, const Machine **out_machine)
{
    if (settings->machine != NULL)
        TRY(machine_load(cx, settings->machine, out_machine));
    else
        TRY(machine_load_of_file(cx, image->machine, out_machine));
    for (uint32_t i = 0; i < settings->n_set; i++)
        TRY(machine_set(cx, *out_machine, settings->set[i], out_machine));
    return WEIR_OK;
}
