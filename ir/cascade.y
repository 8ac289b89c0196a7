/*
 * ir/cascade.y: the grammar of cascade texts (docs/cascade.md, appendix A), LALR(1) without conflicts.
 * RESYNC is no token of the language: after an error the scanner gives it where an item begins again.
 */
%define api.pure full
%define api.prefix {cascadeyy_}
%define parse.error custom
%locations
%define api.location.type {SynAt}
%param { struct CascadeParse *p }
%expect 0

%code requires {
#include "ir/syntax.h"
}
%code {
#include "ir/cascade.tab.h"
#include "ir/tokens.h"
static void cascadeyy_error(const SynAt *at, struct CascadeParse *p, const char *message);
#undef yylex
#define yylex cascade_next
#define YYMAXDEPTH 2000
#define YYMALLOC(bytes) arena_alloc(&p->cx->arena, (bytes))
#define YYFREE(block) ((void)(block))
#define YYLLOC_DEFAULT(to, from, n)                                                                 \
    do {                                                                                            \
        (to) = YYRHSLOC(from, (n) > 0 ? 1 : 0);                                                     \
        if ((n) > 1)                                                                                \
            (to).end_column = YYRHSLOC(from, n).line == (to).line ? YYRHSLOC(from, n).end_column : 0; \
    } while (0)
#define PUSH(list, value) vec_push(&p->cx->arena, &(list), (value))
#define NODE(kind, at, list) syn_node(p, kind, at, (list))
}

%union {
    SynToken token;
    SynWord word;
    SynWords words;
    SynHead head;
    SynExpr *expr;
    SynExprs exprs;
    SynField field;
    SynFields fields;
    SynType type;
    SynTarget target;
    SynTargets targets;
    SynReduce reduce;
    SynArg arg;
    SynArgs args;
    SynScalar scalar;
    SynValue value;
    SynValues values;
    SynData data;
    SynItem *item;
    SynItems items;
    SynNumber number;
    int64_t extent;
    bool flag;
}

%token <token> NAME "a name" INT "an integer" FLOAT "a decimal" STRING "a string"
%token <token> RED "a reduction" FN "a function" TYPE "a type" RESERVED "a reserved word"
%token CASCADE "cascade" PINNED "pinned" RANK "rank" IN "in" CONST "const" TMP "tmp" OUT "out" AS "as"
%token FILE_ "file" SEEDED "seeded" THEN "then" HOST "host" FROM "from" ITERATE "iterate" WHILE "while"
%token IF "if" ELSE "else" INDEX "index" EXTENT "extent" COUNT "count" INF "inf" NAN_ "nan" TRUE "true"
%token FALSE "false" MX "mx" INTEGER "int" ON "on" PER "per" OR "or" AND "and" NOT "not"
%token <token> SET "set"
%token PLUS "+" MINUS "-" TIMES "*" OVER "/" PERCENT "%" LESS "<" GREATER ">" OPEN "("
%token ARROW "<-" LE "<=" GE ">=" EQ "==" NE "!="
%token BAD "no token" RESYNC "the next item"

%left OR
%left AND
%precedence NOT
%nonassoc EQ NE LESS LE GREATER GE
%left PLUS MINUS
%left TIMES OVER PERCENT
%precedence UNARY

%type <word> name any_word outside string
%type <words> names names_opt strings provenance
%type <expr> expr access pad condition_opt from_opt while_opt literal_expr
%type <exprs> exprs exprs_opt
%type <head> dotted callee redhead
%type <field> field
%type <fields> fields
%type <type> type type_opt
%type <target> target
%type <targets> targets
%type <reduce> reduce scatter_head
%type <arg> arg
%type <args> args args_opt
%type <scalar> scalar scalar_opt
%type <value> value
%type <values> values braces
%type <data> data
%type <item> item rank define right declare
%type <items> items ranks item_group
%type <number> literal number
%type <extent> extent
%type <flag> pinned

%%
file: %empty | file cascade | file error RESYNC { yyerrok; } ;

cascade: pinned CASCADE name open items '}'
           { SynCascade c = {$3, $1, $5}; PUSH(p->cascades, c); }
       | pinned CASCADE error RESYNC items '}' { (void)$1; (void)$5; } ;
open: '{' ;
pinned: %empty { $$ = false; } | PINNED { $$ = true; } ;

items: %empty { $$ = (SynItems){0}; }
     | items item_group { $$ = $1; for (uint32_t i_ = 0; i_ < $2.n; i_++) PUSH($$, $2.at[i_]); }
     | items error RESYNC { $$ = $1; yyerrok; } ;
item_group: RANK ranks { $$ = $2; }
          | item { $$ = (SynItems){0}; PUSH($$, $1); } ;

ranks: rank { $$ = (SynItems){0}; PUSH($$, $1); }
     | ranks ',' rank { $$ = $1; PUSH($$, $3); } ;
rank: name '=' extent
        { $$ = ARENA_NEW(&p->cx->arena, SynItem); $$->kind = SYNITEM_RANK; $$->at = @$; $$->name = $1; $$->extent = $3; }
    | name LE extent '=' scalar
        { $$ = ARENA_NEW(&p->cx->arena, SynItem); $$->kind = SYNITEM_RANK; $$->at = @$; $$->name = $1; $$->extent = $3; $$->scalar = $5; } ;
extent: INT { $$ = syn_extent(p, @1, $1.number); } ;
scalar: name '[' ']' { $$ = (SynScalar){$1, false}; }
      | COUNT OPEN name ')' { $$ = (SynScalar){$3, true}; } ;
scalar_opt: %empty { $$ = (SynScalar){0}; } | '=' scalar { $$ = $2; } ;

item: declare { $$ = $1; $$->at = @$; }
    | define { $$ = $1; $$->at = @$; }
    | OUT target
        { $$ = ARENA_NEW(&p->cx->arena, SynItem); $$->kind = SYNITEM_OUT; $$->out = true; PUSH($$->targets, $2); $$->at = @$; }
    | OUT define { $$ = $2; $$->out = true; $$->at = @$; }
    | ITERATE name LESS extent scalar_opt while_opt '{' items '}'
        { $$ = ARENA_NEW(&p->cx->arena, SynItem); $$->kind = SYNITEM_ITERATE; $$->at = @2; $$->at.line = @1.line; $$->at.column = @1.column;
          $$->name = $2; $$->extent = $4; $$->scalar = $5; $$->access = $6; $$->then_items = $8; }
    | IF access '{' items '}' ELSE '{' items '}'
        { $$ = ARENA_NEW(&p->cx->arena, SynItem); $$->kind = SYNITEM_IF; $$->at = @1;
          $$->access = $2; $$->then_items = $4; $$->else_items = $8; } ;
while_opt: %empty { $$ = NULL; } | WHILE access { $$ = $2; } ;

declare: IN name '[' names_opt ']' type_opt outside
           { $$ = syn_declare(p, TENSOR_IN, $2, &$4, $6, $7); }
       | TMP name '[' names_opt ']' type_opt outside
           { $$ = syn_declare(p, TENSOR_TMP, $2, &$4, $6, $7); }
       | CONST name '[' names_opt ']' type_opt outside '=' data
           { $$ = syn_declare(p, TENSOR_CONST, $2, &$4, $6, $7); $$->data = $9; } ;
data: braces { $$ = (SynData){.kind = DATA_INLINE, .at = @$}; $$.values = arena_copy(&p->cx->arena, &$1, sizeof $1); }
    | FILE_ OPEN string ',' INT ')'
        { $$ = (SynData){.kind = DATA_FILE, .path = $3, .number = $5.number.magnitude, .at = @$}; }
    | SEEDED OPEN INT ',' name ',' literal ')'
        { $$ = (SynData){.kind = DATA_SEEDED, .number = $3.number.magnitude, .law = $5, .scale = $7, .at = @$}; } ;
braces: '{' '}' { $$ = (SynValues){0}; } | '{' values '}' { $$ = $2; } ;
values: value { $$ = (SynValues){0}; PUSH($$, $1); }
      | values ',' value { $$ = $1; PUSH($$, $3); } ;
value: literal { $$ = (SynValue){.at = @$, .number = $1}; }
     | braces { $$ = (SynValue){.at = @$, .braces = true}; $$.values = arena_copy(&p->cx->arena, &$1, sizeof $1); } ;

define: targets '=' right provenance { $$ = $3; $$->targets = $1; $$->provenance = $4; } ;
targets: target { $$ = (SynTargets){0}; PUSH($$, $1); }
       | targets ',' target { $$ = $1; PUSH($$, $3); } ;
target: name '[' exprs_opt ']' type_opt outside
          { $$ = (SynTarget){.name = $1, .index = $3, .type = $5, .outside = $6}; } ;
outside: %empty { $$ = (SynWord){0}; } | AS string { $$ = $2; } ;

right: expr { $$ = syn_define(p, (SynReduce){0}, $1); }
     | reduce expr { $$ = syn_define(p, $1, $2); }
     | expr THEN scatter_head '[' exprs condition_opt ']' ARROW expr
         { $$ = syn_define(p, (SynReduce){0}, $1); $$->scatter = $3; $$->scatter.condition = $6; $$->scatter_index = $5; $$->scatter_value = $9; }
     | expr THEN scatter_head '[' ']' ARROW expr
         { $$ = syn_define(p, (SynReduce){0}, $1); $$->scatter = $3; $$->scatter_value = $7; }
     | HOST name OPEN args_opt ')' { $$ = syn_define(p, (SynReduce){0}, NULL); $$->host = $2; $$->args = $4; } ;
scatter_head: RED { $$ = (SynReduce){.name = $1.word}; } | SET { $$ = (SynReduce){.name = $1.word}; } ;
reduce: redhead '[' names from_opt condition_opt ']'
          { $$ = (SynReduce){.name = $1.name, .words = $1.words, .ranks = $3, .from = $4, .condition = $5}; } ;
from_opt: %empty { $$ = NULL; } | FROM expr { $$ = $2; } ;
condition_opt: %empty { $$ = NULL; } | '|' expr { $$ = $2; } ;
args_opt: %empty { $$ = (SynArgs){0}; } | args { $$ = $1; } ;
args: arg { $$ = (SynArgs){0}; PUSH($$, $1); } | args ',' arg { $$ = $1; PUSH($$, $3); } ;
arg: name '[' names_opt ']' { $$ = (SynArg){.name = $1, .ranks = $3}; }
   | any_word '=' literal_expr { $$ = (SynArg){.name = $1, .keyed = true, .literal = $3}; } ;

provenance: %empty { $$ = (SynWords){0}; } | '@' strings { $$ = $2; } ;
strings: string { $$ = (SynWords){0}; PUSH($$, $1); } | strings ',' string { $$ = $1; PUSH($$, $3); } ;
string: STRING { $$ = $1.word; } ;

expr: expr OR expr { $$ = syn_operator(p, @$, FN_OR, $1, $3); }
    | expr AND expr { $$ = syn_operator(p, @$, FN_AND, $1, $3); }
    | NOT expr { $$ = syn_operator(p, @$, FN_NOT, $2, NULL); }
    | expr EQ expr { $$ = syn_operator(p, @$, FN_EQ, $1, $3); }
    | expr NE expr { $$ = syn_operator(p, @$, FN_NE, $1, $3); }
    | expr LESS expr { $$ = syn_operator(p, @$, FN_LT, $1, $3); }
    | expr LE expr { $$ = syn_operator(p, @$, FN_LE, $1, $3); }
    | expr GREATER expr { $$ = syn_operator(p, @$, FN_GT, $1, $3); }
    | expr GE expr { $$ = syn_operator(p, @$, FN_GE, $1, $3); }
    | expr PLUS expr { $$ = syn_operator(p, @$, FN_ADD, $1, $3); }
    | expr MINUS expr { $$ = syn_operator(p, @$, FN_SUB, $1, $3); }
    | expr TIMES expr { $$ = syn_operator(p, @$, FN_MUL, $1, $3); }
    | expr OVER expr { $$ = syn_operator(p, @$, FN_DIV, $1, $3); }
    | expr PERCENT expr { $$ = syn_operator(p, @$, FN_MOD, $1, $3); }
    | MINUS expr %prec UNARY { $$ = syn_minus(p, @$, $2); }
    | number { $$ = syn_node(p, SYN_NUMBER, @$, (SynExprs){0}); $$->number = $1; }
    | access { $$ = $1; }
    | NAME { $$ = syn_node(p, SYN_NAME, @$, (SynExprs){0}); $$->name = $1.word; }
    | OPEN expr ')' { $$ = $2; $$->parenthesised = true; }
    | callee OPEN exprs ')' { $$ = NODE(SYN_CALL, @$, $3); $$->name = $1.name; $$->words = $1.words; }
    | dotted OPEN exprs ')' { $$ = NODE(SYN_CALL, @$, $3); $$->name = $1.name; $$->words = $1.words; }
    | redhead OPEN exprs ')' { $$ = NODE(SYN_CALL, @$, $3); $$->name = $1.name; $$->words = $1.words; }
    | INDEX OPEN name ')' { $$ = syn_node(p, SYN_INDEX, @$, (SynExprs){0}); $$->name = $3; }
    | EXTENT OPEN name ')' { $$ = syn_node(p, SYN_EXTENT, @$, (SynExprs){0}); $$->name = $3; }
    | COUNT OPEN name ')' { $$ = syn_node(p, SYN_COUNT, @$, (SynExprs){0}); $$->name = $3; } ;
dotted: NAME { $$ = (SynHead){.name = $1.word}; } | dotted '.' NAME { $$ = $1; PUSH($$.words, $3.word); } ;
callee: FN { $$ = (SynHead){.name = $1.word}; } | TYPE { $$ = (SynHead){.name = $1.word}; }
      | callee '.' NAME { $$ = $1; PUSH($$.words, $3.word); } ;
redhead: RED { $$ = (SynHead){.name = $1.word}; } | redhead '.' NAME { $$ = $1; PUSH($$.words, $3.word); } ;
access: dotted '[' exprs_opt ']' { $$ = NODE(SYN_ACCESS, @$, $3); $$->name = $1.name; $$->words = $1.words; }
      | dotted '[' exprs_opt ']' '?' pad
          { $$ = NODE(SYN_ACCESS, @$, $3); $$->name = $1.name; $$->words = $1.words; $$->pad = $6; } ;
pad: literal_expr { $$ = $1; }
   | name '[' ']' { $$ = syn_node(p, SYN_NAME, @$, (SynExprs){0}); $$->name = $1; } ;
literal_expr: literal { $$ = syn_node(p, SYN_NUMBER, @$, (SynExprs){0}); $$->number = $1; } ;
literal: number { $$ = $1; } | MINUS number { $$ = $2; $$.negative = true; } ;
number: INT { $$ = $1.number; } | FLOAT { $$ = $1.number; }
      | INF { $$ = (SynNumber){.kind = NUMBER_INF}; } | NAN_ { $$ = (SynNumber){.kind = NUMBER_NAN}; }
      | TRUE { $$ = (SynNumber){.kind = NUMBER_TRUE}; } | FALSE { $$ = (SynNumber){.kind = NUMBER_FALSE}; } ;
exprs_opt: %empty { $$ = (SynExprs){0}; } | exprs { $$ = $1; } ;
exprs: expr { $$ = (SynExprs){0}; PUSH($$, $1); } | exprs ',' expr { $$ = $1; PUSH($$, $3); } ;
names_opt: %empty { $$ = (SynWords){0}; } | names { $$ = $1; } ;
names: name { $$ = (SynWords){0}; PUSH($$, $1); } | names ',' name { $$ = $1; PUSH($$, $3); } ;
name: NAME { $$ = $1.word; } ;
any_word: NAME { $$ = $1.word; } | RED { $$ = $1.word; } | FN { $$ = $1.word; } | TYPE { $$ = $1.word; }
        | RESERVED { $$ = $1.word; } | SET { $$ = $1.word; } ;

type_opt: %empty { $$ = (SynType){0}; } | ':' type { $$ = $2; } ;
type: TYPE { $$ = (SynType){.kind = SYNTYPE_PLAIN, .at = @$, .word = $1.word}; }
    | NAME { $$ = (SynType){.kind = SYNTYPE_PLAIN, .at = @$, .word = $1.word}; }
    | MX OPEN any_word fields ')' { $$ = (SynType){.kind = SYNTYPE_MX, .at = @$, .word = $3, .fields = $4}; }
    | INTEGER OPEN INT fields ')' { $$ = (SynType){.kind = SYNTYPE_INT, .at = @$, .bits = syn_extent(p, @3, $3.number), .fields = $4}; } ;
fields: %empty { $$ = (SynFields){0}; } | fields ',' field { $$ = $1; PUSH($$, $3); } ;
field: any_word '=' any_word { $$ = (SynField){.key = $1, .value = $3}; }
     | any_word '=' INT { $$ = (SynField){.key = $1, .number = syn_extent(p, @3, $3.number)}; }
     | any_word '=' any_word ON name { $$ = (SynField){.key = $1, .value = $3, .on = true, .rank = $5}; }
     | any_word '=' INT ON name { $$ = (SynField){.key = $1, .number = syn_extent(p, @3, $3.number), .on = true, .rank = $5}; }
     | any_word '=' any_word PER name { $$ = (SynField){.key = $1, .value = $3, .per = true, .rank = $5}; }
     | any_word '=' INT PER name { $$ = (SynField){.key = $1, .number = syn_extent(p, @3, $3.number), .per = true, .rank = $5}; } ;
%%
static void cascadeyy_error(const SynAt *at, struct CascadeParse *p, const char *message)
{
    (void)message; /* the stack is full: all else comes by yyreport_syntax_error */
    parse_error(p, *at, E_SYNTAX, "regions, braces or parentheses nest too deeply");
}

/* Expected tokens in words: what begins an expression, joins two or begins an item is named as one. */
typedef struct TokenGroup {
    yysymbol_kind_t sign; /* where it is expected, the group is */
    const char *name;
    yysymbol_kind_t members[16];
} TokenGroup;

static const TokenGroup token_groups[] = {
    {YYSYMBOL_FN, "an expression",
     {YYSYMBOL_NAME, YYSYMBOL_INT, YYSYMBOL_FLOAT, YYSYMBOL_RED, YYSYMBOL_FN, YYSYMBOL_TYPE, YYSYMBOL_INDEX, YYSYMBOL_EXTENT,
      YYSYMBOL_COUNT, YYSYMBOL_INF, YYSYMBOL_NAN_, YYSYMBOL_TRUE, YYSYMBOL_FALSE, YYSYMBOL_NOT, YYSYMBOL_MINUS, YYSYMBOL_OPEN}},
    {YYSYMBOL_OR, "an operator",
     {YYSYMBOL_OR, YYSYMBOL_AND, YYSYMBOL_EQ, YYSYMBOL_NE, YYSYMBOL_LESS, YYSYMBOL_LE, YYSYMBOL_GREATER, YYSYMBOL_GE, YYSYMBOL_PLUS, YYSYMBOL_MINUS, YYSYMBOL_TIMES,
      YYSYMBOL_OVER, YYSYMBOL_PERCENT}},
    {YYSYMBOL_ITERATE, "an item",
     {YYSYMBOL_RANK, YYSYMBOL_IN, YYSYMBOL_CONST, YYSYMBOL_TMP, YYSYMBOL_OUT, YYSYMBOL_ITERATE, YYSYMBOL_IF, YYSYMBOL_NAME}}};

enum { N_GROUPS = sizeof token_groups / sizeof *token_groups, MOST_EXPECTED = 64 };

static bool is_among(yysymbol_kind_t kind, const yysymbol_kind_t *kinds, int n)
{
    for (int i = 0; i < n; i++)
        if (kinds[i] == kind && kind != YYSYMBOL_YYEOF)
            return true;
    return false;
}

static int yyreport_syntax_error(const yypcontext_t *context, struct CascadeParse *p)
{
    yysymbol_kind_t expected[MOST_EXPECTED];
    const char *names[MOST_EXPECTED + N_GROUPS];
    bool grouped[N_GROUPS];
    int n = yypcontext_expected_tokens(context, expected, MOST_EXPECTED), kept = 0;
    for (int g = 0; g < N_GROUPS; g++) {
        grouped[g] = is_among(token_groups[g].sign, expected, n);
        if (grouped[g])
            names[kept++] = token_groups[g].name;
    }
    for (int i = 0; i < n; i++) {
        bool named = expected[i] == YYSYMBOL_RESYNC;
        for (int g = 0; g < N_GROUPS; g++)
            named = named || (grouped[g] && is_among(expected[i], token_groups[g].members, 16));
        if (!named)
            names[kept++] = yysymbol_name(expected[i]);
    }
    if (yypcontext_token(context) == YYSYMBOL_BAD)
        kept = -1;
    syntax_error(p, *yypcontext_location(context), kept, names);
    return 0;
}
