/* RNN, GRU and LSTM in every direction and layout, with lengths, initial states, peepholes, clips and activations. */
#include "tests/oracle/oracle.h"

enum { MOST_SIZE = 4, SLOTS = 3 };

typedef struct Activation {
    const char *name;
    bool takes_alpha, takes_beta, needs_both; /* needs_both: the specification has no default */
    double alpha, beta;
} Activation;

static const Activation kinds[] = {
    {"Tanh", false, false, false, 0, 0},         {"Sigmoid", false, false, false, 0, 0},    {"Relu", false, false, false, 0, 0},
    {"LeakyRelu", true, false, false, 0.01, 0},  {"HardSigmoid", true, true, false, 0.2, 0.5}, {"Elu", true, false, false, 1, 0},
    {"Softsign", false, false, false, 0, 0},     {"Softplus", false, false, false, 0, 0},   {"ThresholdedRelu", true, false, true, 0, 0},
    {"ScaledTanh", true, true, true, 0, 0},      {"Affine", true, true, true, 0, 0},
};

static double activate(const Activation *a, double x, double clip)
{
    if (clip > 0)
        x = x > clip ? clip : x < -clip ? -clip : x;
    switch (a->name[0] == 'S' ? a->name[1] + a->name[4] : a->name[0]) {
    case 'T':
        return a->name[1] == 'a' ? tanh(x) : x >= a->alpha ? x : 0;
    case 'R':
        return x > 0 ? x : 0;
    case 'L':
        return x < 0 ? a->alpha * x : x;
    case 'H':
        return fmin(fmax(a->alpha * x + a->beta, 0), 1);
    case 'E':
        return x < 0 ? a->alpha * (exp(x) - 1) : x;
    case 'A':
        return a->alpha * x + a->beta;
    case 'i' + 'o':
        return 1 / (1 + exp(-x));
    case 'c' + 'e':
        return a->alpha * tanh(a->beta * x);
    default:
        return a->name[4] == 's' ? x / (1 + fabs(x)) : fmax(x, 0) + log1p(exp(-fabs(x)));
    }
}

typedef struct Cell {
    int64_t gates, steps, batch, in, hidden, dirs;
    bool layout, after, coupled; /* after: linear_before_reset */
    double clip;
    Activation functions[2][SLOTS];
    Value *x, *w, *r, *b, *lengths, *h0, *c0, *p, *y, *y_h, *y_c;
} Cell;

/* Names, and the values of those that take one, in their order. */
static void draw_activations(Draw *d, Cell *cell, unsigned n)
{
    static const unsigned defaults[5][SLOTS] = {[1] = {0}, [3] = {1, 0}, [4] = {1, 0, 0}};
    bool named = coin(d), valued = coin(d);
    Text names, alphas, betas;
    text_init(&names, &d->cx->arena);
    text_init(&alphas, &d->cx->arena);
    text_init(&betas, &d->cx->arena);
    for (int64_t k = 0; k < cell->dirs * n; k++) {
        Activation *a = &cell->functions[k / n][k % n];
        *a = kinds[named ? (unsigned)pick(d, 0, valued ? 10 : 7) : defaults[cell->gates][k % n]];
        text_printf(&names, "%s\"%s\"", k == 0 ? "" : ", ", a->name);
        if (named && valued && a->takes_alpha)
            text_printf(&alphas, "%s%.9g", alphas.n == 0 ? "" : ", ", a->alpha = real(d, 0.1, 0.9));
        if (named && valued && a->takes_beta)
            text_printf(&betas, "%s%.9g", betas.n == 0 ? "" : ", ", a->beta = real(d, 0.1, 0.9));
    }
    if (named)
        set_raw(d, arena_printf(&d->cx->arena, "activations = [%s]", names.at));
    if (alphas.n > 0)
        set_raw(d, arena_printf(&d->cx->arena, "activation_alpha : floats = [%s]", alphas.at));
    if (betas.n > 0)
        set_raw(d, arena_printf(&d->cx->arena, "activation_beta : floats = [%s]", betas.at));
}

/* Row `row` of all gates on x and h, biases apart: *out_w from the input, *out_r from the state. */
static void project(const Cell *c, int64_t dir, int64_t row, const double *x, const double *h, double *out_w, double *out_r)
{
    int64_t rows = c->gates * c->hidden;
    *out_w = c->b == NULL ? 0 : c->b->f[dir * 2 * rows + row];
    *out_r = c->b == NULL ? 0 : c->b->f[dir * 2 * rows + rows + row];
    for (int64_t k = 0; k < c->in; k++)
        *out_w += c->w->f[(dir * rows + row) * c->in + k] * x[k];
    for (int64_t k = 0; k < c->hidden; k++)
        *out_r += c->r->f[(dir * rows + row) * c->hidden + k] * h[k];
}

static double gate(const Cell *c, int64_t dir, int64_t g, int64_t k, const double *x, const double *h)
{
    double w, r;
    project(c, dir, g * c->hidden + k, x, h, &w, &r);
    return w + r;
}

static void step_gru(const Cell *c, int64_t dir, const double *x, double *h)
{
    double z[MOST_SIZE], r[MOST_SIZE], reset[MOST_SIZE], next[MOST_SIZE], w, u;
    const Activation *f = &c->functions[dir][0], *g = &c->functions[dir][1];
    for (int64_t k = 0; k < c->hidden; k++) {
        z[k] = activate(f, gate(c, dir, 0, k, x, h), c->clip);
        r[k] = activate(f, gate(c, dir, 1, k, x, h), c->clip);
        reset[k] = r[k] * h[k];
    }
    for (int64_t k = 0; k < c->hidden; k++) {
        project(c, dir, 2 * c->hidden + k, x, c->after ? h : reset, &w, &u);
        next[k] = (1 - z[k]) * activate(g, c->after ? w + r[k] * u : w + u, c->clip) + z[k] * h[k];
    }
    memcpy(h, next, sizeof *h * (size_t)c->hidden);
}

/* The text clips the input of activations; runtimes, which weir follows, do not clip the cell's state before its own. */
static void step_lstm(const Cell *c, int64_t dir, const double *x, double *h, double *state)
{
    double next[MOST_SIZE];
    const Activation *f = c->functions[dir];
    for (int64_t k = 0; k < c->hidden; k++) {
        double p[3] = {0};
        for (int64_t g = 0; g < 3 && c->p != NULL; g++)
            p[g] = c->p->f[(dir * 3 + g) * c->hidden + k];
        double i = activate(f, gate(c, dir, 0, k, x, h) + p[0] * state[k], c->clip);
        double forget = c->coupled ? 1 - i : activate(f, gate(c, dir, 2, k, x, h) + p[2] * state[k], c->clip);
        double fresh = activate(f + 1, gate(c, dir, 3, k, x, h), c->clip);
        state[k] = forget * state[k] + i * fresh;
        next[k] = activate(f, gate(c, dir, 1, k, x, h) + p[1] * state[k], c->clip) * activate(f + 2, state[k], 0);
    }
    memcpy(h, next, sizeof *h * (size_t)c->hidden);
}

static void step(const Cell *c, int64_t dir, const double *x, double *h, double *state)
{
    if (c->gates == 3)
        step_gru(c, dir, x, h);
    else if (c->gates == 4)
        step_lstm(c, dir, x, h, state);
    else {
        double next[MOST_SIZE];
        for (int64_t k = 0; k < c->hidden; k++)
            next[k] = activate(&c->functions[dir][0], gate(c, dir, 0, k, x, h), c->clip);
        memcpy(h, next, sizeof *h * (size_t)c->hidden);
    }
}

static void run(const Cell *c, bool reverse, int64_t dir, int64_t b)
{
    double h[MOST_SIZE] = {0}, state[MOST_SIZE] = {0};
    int64_t at = (c->layout ? b * c->dirs + dir : dir * c->batch + b) * c->hidden;
    int64_t length = c->lengths == NULL ? c->steps : c->lengths->i[b];
    for (int64_t k = 0; k < c->hidden; k++) {
        h[k] = c->h0 == NULL ? 0 : c->h0->f[at + k];
        state[k] = c->c0 == NULL ? 0 : c->c0->f[at + k];
    }
    for (int64_t s = 0; s < length; s++) {
        int64_t t = reverse ? length - 1 - s : s;
        step(c, dir, c->x->f + (c->layout ? b * c->steps + t : t * c->batch + b) * c->in, h, state);
        int64_t y = c->layout ? (b * c->steps + t) * c->dirs + dir : (t * c->dirs + dir) * c->batch + b;
        memcpy(c->y->f + y * c->hidden, h, sizeof *h * (size_t)c->hidden);
    }
    memcpy(c->y_h->f + at, h, sizeof *h * (size_t)c->hidden);
    memcpy(c->y_c->f + at, state, sizeof *h * (size_t)c->hidden);
}

static void draw_operands(Draw *d, Cell *c)
{
    int64_t rows = c->gates * c->hidden;
    int64_t state[3] = {c->layout ? c->batch : c->dirs, c->layout ? c->dirs : c->batch, c->hidden};
    c->x = filled(d, DT_F32, 3, (int64_t[]){c->layout ? c->batch : c->steps, c->layout ? c->steps : c->batch, c->in}, -1, 1);
    c->w = filled(d, DT_F32, 3, (int64_t[]){c->dirs, rows, c->in}, -1, 1);
    c->r = filled(d, DT_F32, 3, (int64_t[]){c->dirs, rows, c->hidden}, -1, 1);
    c->b = coin(d) ? filled(d, DT_F32, 2, (int64_t[]){c->dirs, 2 * rows}, -1, 1) : NULL;
    c->lengths = coin(d) ? filled(d, DT_I32, 1, (int64_t[]){c->batch}, 1, (double)c->steps) : NULL;
    c->h0 = coin(d) ? filled(d, DT_F32, 3, state, -1, 1) : NULL;
    c->c0 = c->gates == 4 && coin(d) ? filled(d, DT_F32, 3, state, -1, 1) : NULL;
    c->p = c->gates == 4 && coin(d) ? filled(d, DT_F32, 2, (int64_t[]){c->dirs, 3 * c->hidden}, -1, 1) : NULL;
    c->y = tensor(d, DT_F32, 4, c->layout ? (int64_t[]){c->batch, c->steps, c->dirs, c->hidden} : (int64_t[]){c->steps, c->dirs, c->batch, c->hidden});
    c->y_h = tensor(d, DT_F32, 3, state);
    c->y_c = tensor(d, DT_F32, 3, state);
    Value *const all[] = {c->x, c->w, c->r, c->b, c->lengths, c->h0, c->c0, c->p};
    bool constant = coin(d);
    for (unsigned k = 0; k < (c->gates == 4 ? 8 : 6); k++)
        give(d, constant && (k == 1 || k == 2 || (k == 3 && c->b != NULL) || (k == 4 && c->lengths != NULL)) ? as_constant(all[k]) : all[k]);
    while (d->in[d->n_in - 1] == NULL)
        d->n_in--;
}

static void recurrent(Draw *d, int64_t gates)
{
    static const char *const directions[] = {"forward", "reverse", "bidirectional"};
    Cell *c = ARENA_NEW(&d->cx->arena, Cell);
    *c = (Cell){.gates = gates, .steps = pick(d, 1, 4), .batch = pick(d, 1, 3), .in = pick(d, 1, 4), .hidden = pick(d, 1, MOST_SIZE)};
    int64_t direction = pick(d, 0, 2);
    c->dirs = direction == 2 ? 2 : 1;
    if (direction > 0 || coin(d))
        set_text(d, "direction", directions[direction]);
    set_int(d, "hidden_size", c->hidden);
    c->layout = pick(d, 0, 2) == 0;
    if (c->layout)
        set_int(d, "layout", 1);
    c->after = gates == 3 && coin(d);
    if (c->after)
        set_int(d, "linear_before_reset", 1);
    c->coupled = gates == 4 && pick(d, 0, 3) == 0;
    if (c->coupled)
        set_int(d, "input_forget", 1);
    c->clip = pick(d, 0, 2) == 0 ? real(d, 0.3, 1) : 0;
    if (c->clip > 0)
        set_float(d, "clip", c->clip);
    draw_activations(d, c, gates == 4 ? 3 : gates == 3 ? 2 : 1);
    draw_operands(d, c);
    for (int64_t dir = 0; dir < c->dirs; dir++)
        for (int64_t b = 0; b < c->batch; b++)
            run(c, direction == 1 || dir == 1, dir, b);
    bool whole = coin(d);
    expect(d, whole ? c->y : NULL);
    if (!whole || coin(d))
        expect(d, c->y_h);
    if (gates == 4 && d->n_out == 2 && coin(d))
        expect(d, c->y_c);
    d->absolute = d->relative = 2e-5;
}

static void rnn(Draw *d)
{
    recurrent(d, 1);
}

static void gru(Draw *d)
{
    recurrent(d, 3);
}

static void lstm(Draw *d)
{
    recurrent(d, 4);
}

static const Row rows[] = {{"RNN", "rnn", rnn, 40}, {"GRU", "gru", gru, 40}, {"LSTM", "lstm", lstm, 60}};

int main(int argc, char **argv)
{
    return oracle_main(argc, argv, rows, sizeof rows / sizeof rows[0]);
}
