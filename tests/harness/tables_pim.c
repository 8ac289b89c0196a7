/*
 * tests/harness/tables_pim.c: the tables of docs/isa-pim.md, from isa/pim/cmd.def and isa/pim/timing.def.
 *
 * In:   a table's name, with the family behind (`pim-rules aim`). Out: a Markdown table.
 */
#include "tests/harness/tables.h"

#include <stdio.h>
#include <string.h>

enum { SCOPE_N = 0, SCOPE_B = 1, SCOPE_G = 2, SCOPE_A = 4, SCOPE_E = 8, SCOPE_O = 16,
       F_ROW = 1, F_COL = 2, F_N = 4, F_M = 8, F_GB = 16, F_ACC = 32, F_MAC = 64, F_BUF = 128, F_AFM = 256 };

static void words(unsigned bits, const char *const *names, int n)
{
    const char *space = "";
    for (int i = 0; i < n; i++)
        if ((bits >> i & 1) != 0) {
            printf("%s%s", space, names[i]);
            space = " ";
        }
}

static void print_command(const char *text, int number, unsigned scopes, unsigned fields, const char *doc)
{
    static const char *const scope[] = {".bN", ".gN", ".all", ".e", ".o"};
    static const char *const field[] = {"row=", "col=", "n=", "[n=]", "gb=", "acc=", "[gb=] acc=", "[buf= off=]", "afm="};
    printf("| %d | `%s` | ", number, text);
    words(scopes, scope, 5);
    printf(" | ");
    words(fields, field, 9);
    printf(" | %s |\n", doc);
}

static void print_commands(const char *family)
{
    (void)family;
    puts("| op | text | scopes | fields | |\n|---|---|---|---|---|");
#define PIM_OP(id, text, number, scopes, fields, doc) print_command(text, number, scopes, fields, doc);
#include "isa/pim/cmd.def"
}

static void print_word(const char *family)
{
    (void)family;
    puts("| field | bits | |\n|---|---|---|");
#define PIM_FIELD(kind, member, bit, width, doc) printf("| `%s` | %d:%d | %s |\n", #member, bit + width - 1, bit, doc);
#include "isa/pim/cmd.def"
    puts("| extension word | | |");
#define PIM_EXT(kind, member, bit, width, doc) printf("| `%s` | %d:%d | %s |\n", #member, bit + width - 1, bit, doc);
#include "isa/pim/cmd.def"
}

static int is_family(const char *row, const char *family)
{
    return (row[0] == 'A') == (family[0] == 'a');
}

static void print_devices(const char *family)
{
    puts("| device command | kind | |\n|---|---|---|");
#define PIM_DEVICE(of, id, text, kind, doc)                                                                            \
    if (is_family(#of, family))                                                                                        \
        printf("| %s | %s | %s |\n", text, #kind, doc);
#include "isa/pim/cmd.def"
}

static void print_timings(const char *family)
{
    puts("| timing | cycles |\n|---|---|");
#define PIM_TIME(of, id, cycles)                                                                                       \
    if (is_family(#of, family))                                                                                        \
        printf("| `%s` | %d |\n", #id, cycles);
#include "isa/pim/timing.def"
}

/* A sum of sets as people write it: hbm's names without their H, blanks around no sign. */
static void set(const char *sum)
{
    for (const char *at = sum; *at != 0; at++) {
        int first = at == sum || at[-1] == '+' || at[-1] == ' ';
        if (*at == ' ' || (first && *at == 'H'))
            continue;
        if (*at == '+')
            printf(", ");
        else
            putchar(*at);
    }
}

static void print_rule(int number, const char *before, const char *after, const char *level, const char *distance, int window, const char *peer)
{
    printf("| %d | ", number);
    set(before);
    printf(" | ");
    set(after);
    printf(" | %s%s | `%s` | %s%s%s |\n", level, window > 1 ? ", 4th last" : "", distance, peer[0] == 0 || peer[0] == '-' ? "" : "`",
           peer[0] == '-' ? "none" : peer, peer[0] == 0 || peer[0] == '-' ? "" : "`");
}

static void print_rules(const char *family)
{
    puts("| rule | before | after | level | distance | peer |\n|---|---|---|---|---|---|");
#define PIM_RULE(of, number, before, after, level, distance, window, peer)                                             \
    if (is_family(#of, family))                                                                                        \
        print_rule(number, #before, #after, #level, distance, window, peer);
#include "isa/pim/timing.def"
}

static void print_ruling(const char *before, const char *after, const char *where, const char *ruling)
{
    printf("| ");
    set(before);
    printf(" | ");
    set(after);
    printf(" | %s | %s |\n", where[0] == 'S' ? "same" : where[0] == 'O' ? "others" : "any", ruling);
}

static void print_rulings(const char *family)
{
    puts("| before | after | bank | ruling |\n|---|---|---|---|");
#define PIM_FREE(of, before, after, where)                                                                             \
    if (is_family(#of, family))                                                                                        \
        print_ruling(#before, #after, #where, "free");
#define PIM_STATE(of, before, after, where)                                                                            \
    if (is_family(#of, family))                                                                                        \
        print_ruling(#before, #after, #where, "state");
#include "isa/pim/timing.def"
}

static void print_program(const char *family)
{
    (void)family;
    puts("| op | text | |\n|---|---|---|");
#define PIM_CRF(id, text, number, sources, doc) printf("| %d | `%s` | %s |\n", number, text, doc);
#include "isa/pim/cmd.def"
    puts("\n| field | bits | |\n|---|---|---|");
#define PIM_CRF_FIELD(kind, member, bit, width, doc) printf("| `%s` | %d:%d | %s |\n", #member, bit + width - 1, bit, doc);
#include "isa/pim/cmd.def"
    puts("\n| operand | text | |\n|---|---|---|");
#define PIM_OPERAND(id, text, number, doc)                                                                             \
    if (number != 0)                                                                                                   \
        printf("| %d | `%s` | %s |\n", number, text, doc);
#include "isa/pim/cmd.def"
}

static void print_register(int first, int last, const char *text, const char *doc)
{
    printf("| %d", first);
    if (last != first)
        printf("..%d", last);
    printf(" | %s | %s |\n", text, doc);
}

static void print_registers(const char *family)
{
    (void)family;
    puts("| columns | register | |\n|---|---|---|");
#define PIM_REGISTER_COLUMN(first, last, text, doc) print_register(first, last, text, doc);
#include "isa/pim/cmd.def"
}

static void print_functions(const char *family)
{
    (void)family;
    puts("| afm | function | |\n|---|---|---|");
#define PIM_FUNCTION(id, text, number, doc) printf("| %d | %s | %s |\n", number, text, doc);
#include "isa/pim/cmd.def"
}

bool print_pim_table(const char *name, const char *family)
{
    static const struct {
        const char *name;
        void (*print)(const char *family);
    } tables[] = {
        {"pim-commands", print_commands}, {"pim-word", print_word},       {"pim-devices", print_devices},     {"pim-timings", print_timings},
        {"pim-rules", print_rules},       {"pim-rulings", print_rulings}, {"pim-program", print_program},     {"pim-registers", print_registers},
        {"pim-functions", print_functions},
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (strcmp(tables[i].name, name) == 0) {
            tables[i].print(family);
            return true;
        }
    return false;
}
