/* isa/rdu/names.c: words of the RDU's assembly text and their codes, from op.def. */
#include "isa/rdu/rdu.h"

#include <string.h>

typedef struct Word {
    RduList list;
    uint32_t number;
    const char *text;
} Word;

typedef struct OpRow {
    const char *text;
    uint32_t sources;
} OpRow;

static const OpRow ops[RDU_OP_COUNT] = {
#define RDU_OP(id, text, number, sources, doc) [number] = {text, sources},
#include "isa/rdu/op.def"
};

static const char *const tails[RDU_TAIL_COUNT] = {
#define RDU_TAIL(id, text, number, constants, fn, doc) [number] = text,
#include "isa/rdu/op.def"
};

static const Word words[] = {
#define RDU_NAME(list, text, number) {RDU_LIST_##list, number, text},
#include "isa/rdu/op.def"
};

static bool is_text(const char *known, const char *text, size_t length)
{
    return strlen(known) == length && memcmp(known, text, length) == 0;
}

const char *rdu_op_text(uint32_t op)
{
    return op < RDU_OP_COUNT ? ops[op].text : NULL;
}

uint32_t rdu_op_sources(uint32_t op)
{
    return op < RDU_OP_COUNT ? ops[op].sources : 0;
}

int rdu_op_named(const char *text, size_t length)
{
    for (int i = 0; i < RDU_OP_COUNT; i++)
        if (is_text(ops[i].text, text, length))
            return i;
    return -1;
}

const char *rdu_tail_text(uint32_t tail)
{
    return tail < RDU_TAIL_COUNT ? tails[tail] : NULL;
}

int rdu_tail_named(const char *text, size_t length)
{
    for (int i = 1; i < RDU_TAIL_COUNT; i++)
        if (is_text(tails[i], text, length))
            return i;
    return -1;
}

const char *rdu_word_text(RduList list, uint32_t number)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].list == list && words[i].number == number)
            return words[i].text;
    return NULL;
}

int rdu_word_named(RduList list, const char *text, size_t length)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].list == list && is_text(words[i].text, text, length))
            return (int)words[i].number;
    return -1;
}
