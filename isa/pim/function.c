/*
 * isa/pim/function.c: the activation functions of gddr6-aim, stated because the device's are not published.
 *
 * In:   an f32. Out: a bf16. Tables hold bf16 at 513 points over -10..10; between them linear in f32, outside the end points.
 */
#include <math.h>

#include "isa/pim/values.h"

enum { POINTS = 513 };

typedef enum Function {
#define PIM_FUNCTION(id, text, number, doc) FUNCTION_##id = number,
#include "isa/pim/cmd.def"
    FUNCTION_END
} Function;

static double exact(uint32_t number, double x)
{
    switch (number) {
    case FUNCTION_SIGMOID:
        return 1 / (1 + exp(-x));
    case FUNCTION_TANH:
        return tanh(x);
    default: /* gelu */
        return 0.5 * x * (1 + erf(x * 0.70710678118654752440));
    }
}

static float point(uint32_t number, int i)
{
    return bf16_to_f32(bf16_from_f64(exact(number, -10 + 20.0 * i / (POINTS - 1))));
}

static float interpolated(uint32_t number, float x)
{
    if (x <= -10.0f)
        return point(number, 0);
    if (x >= 10.0f)
        return point(number, POINTS - 1);
    float at = (x + 10.0f) * 25.6f, low = floorf(at);
    int i = (int)low < POINTS - 2 ? (int)low : POINTS - 2;
    float a = point(number, i), step = point(number, i + 1) - a, part = (at - (float)i) * step;
    return a + part;
}

bool pim_function(uint32_t number, float x, uint16_t *out)
{
    if (number >= FUNCTION_END)
        return false;
    float y = x;
    if (isnan(x))
        y = x;
    else if (number == FUNCTION_RELU)
        y = signbit(x) != 0 ? 0.0f : x;
    else if (number == FUNCTION_LEAKY)
        y = x < 0 ? x * 0.01f : x;
    else
        y = interpolated(number, x);
    *out = bf16_from_f32(y);
    return true;
}
