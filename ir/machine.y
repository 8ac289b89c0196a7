/*
 * ir/machine.y: the grammar of machine files (docs/mapping.md, appendix A).
 */
%define api.pure full
%define api.prefix {machineyy}
%define parse.error detailed
%locations
%param { void *scanner }
%parse-param { struct MachineParse *p }
%expect 0

%code requires {
#include "ir/machine_parse.h"
}
%code {
#include <string.h>

#include "ir/scan.h"

int machineyylex(MACHINEYYSTYPE *value, MACHINEYYLTYPE *place, void *scanner);
static void machineyyerror(MACHINEYYLTYPE *at, void *scanner, struct MachineParse *p, const char *message);
static MachineValue with_unit(MachineValue value, Name unit, Name per);

#define YYMALLOC(bytes) arena_alloc(&p->cx->arena, (bytes))
#define YYFREE(block) ((void)(block))
#define YYMAXDEPTH SCAN_STACK
}

%union {
    Name name;
    MachineValue value;
    MachineValues *values;
}
%token <name> NAME "name" STRING "string" MACHINE_WORD "name of a machine"
%token <value> NUMBER "number"
%token MACHINE "'machine'" BASE "'base'" PER "'per'" END "end of line"
%type <value> value quantity number
%type <values> values

%%
file: %empty | file machine ;

machine: MACHINE MACHINE_WORD { machine_parse_begin(p, $2, (uint32_t)@2.first_line); } block ;

block: '{' entries '}' { machine_parse_close(p); } ;

entries: entry | entries END entry ;

entry: %empty
     | BASE '=' MACHINE_WORD { machine_parse_base(p, $3, (uint32_t)@1.first_line); }
     | NAME '=' value { machine_parse_value(p, (Name){0}, $1, &$3, (uint32_t)@1.first_line); }
     | NAME NAME '=' value { machine_parse_value(p, $1, $2, &$4, (uint32_t)@1.first_line); }
     | NAME { machine_parse_open(p, (Name){0}, $1, (uint32_t)@1.first_line); } block
     | NAME NAME { machine_parse_open(p, $1, $2, (uint32_t)@1.first_line); } block ;

value: quantity
     | NAME { $$ = (MachineValue){.kind = MV_WORD, .word = $1}; }
     | STRING { $$ = (MachineValue){.kind = MV_TEXT, .word = $1}; }
     | '[' ']' { $$ = (MachineValue){.kind = MV_LIST}; }
     | '[' values ']' { $$ = (MachineValue){.kind = MV_LIST, .n = $2->list.n, .items = $2->list.at}; } ;

values: value { $$ = ARENA_NEW(&p->cx->arena, MachineValues); vec_push(&p->cx->arena, &$$->list, $1); }
      | values ',' value { $$ = $1; vec_push(&p->cx->arena, &$$->list, $3); } ;

quantity: number
        | number NAME { $$ = with_unit($1, $2, (Name){0}); }
        | number NAME PER NAME { $$ = with_unit($1, $2, $4); }
        | number PER NAME { $$ = with_unit($1, (Name){0}, $3); } ;

number: NUMBER
      | '-' NUMBER { $$ = $2; $$.number = -$2.number; } ;
%%

static MachineValue with_unit(MachineValue value, Name unit, Name per)
{
    value.unit = unit;
    value.per = per;
    return value;
}

static void machineyyerror(MACHINEYYLTYPE *at, void *scanner, struct MachineParse *p, const char *message)
{
    (void)scanner;
    if (p->failed) /* the scanner has said what was wrong */
        return;
    machine_parse_error(p, (uint32_t)at->first_line, (uint32_t)at->first_column, (uint32_t)at->last_column, message);
}
