/*
 * ir/mapping.y: the grammar of maps (docs/mapping.md, appendix A). Words of the language may be names of parts.
 */
%define api.pure full
%define api.prefix {mappingyy}
%define parse.error detailed
%locations
%param { void *scanner }
%parse-param { struct MappingParse *p }
%expect 0

%code requires {
#include "ir/mapping_parse.h"
}
%code {
#include <math.h>
#include <string.h>

#include "ir/scan.h"

int mappingyylex(MAPPINGYYSTYPE *value, MAPPINGYYLTYPE *place, void *scanner);
static void mappingyyerror(MAPPINGYYLTYPE *at, void *scanner, struct MappingParse *p, const char *message);
static MapWords *add_word(struct MappingParse *p, MapWords *words, MapWord word, double number);
static MapNodeId add_children(struct MappingParse *p, MapNodeId node, MapNodes children);
static MapNodeId loop(struct MappingParse *p, MapNode head, MapWord part, MapWindow window, MapCombine combine,
                      MapNodes children, int line);

#define YYMALLOC(bytes) arena_alloc(&p->cx->arena, (bytes))
#define YYFREE(block) ((void)(block))
#define YYMAXDEPTH SCAN_STACK
}

%union {
    MapWord word;
    double number;
    MapWords *words;
    MapLeaf leaf;
    MapWindow window;
    MapCombine combine;
    MapNode head;
    MapNodeId node;
    MapNodes nodes;
    struct { EdgeRule edge; double pad; bool whole; } edge;
}
%token <word> NAME "name" MACHINE_WORD "name of a machine"
%token <number> INT "integer" FLOAT "number" TIMES "count of buffers"
%token ARROW "->"
%token <word> MAP "map" ON "on" SPLIT "split" FUSE "fuse" GUARD "guard" OVERLAP "overlap" PAD "pad" FOR "for" PIPE "pipe"
%token <word> UNROLL "unroll" LANE "lane" UNIT "unit" STAGE "stage" ALIGN "align" IN "in" NEEDED "needed" BY "by" NEW "new"
%token <word> TO "to" TREE "tree" PAIRS "pairs" SEQ "seq" CHAIN "chain" EACH "each" INF "inf" NOT_A_NUMBER "nan"
%token <word> TRUE "true" FALSE "false"
%type <word> soft part
%type <words> inner parts layout
%type <edge> edge literal number
%type <number> times align
%type <leaf> leaf
%type <window> window
%type <combine> combine
%type <head> role
%type <node> node
%type <nodes> nodes

%%
file: map | file map ;

map: MAP soft ON MACHINE_WORD { mapping_parse_begin(p, $2, $4); } '{' items '}' { mapping_parse_end(p); } ;

items: %empty
     | items split
     | items fuse
     | items place
     | items node { mapping_append(p->m, (MapNodeId){0}, $2); } ;

split: SPLIT part ARROW part inner edge
         { mapping_parse_split(p, $2, $4, $5, $6.edge, $6.pad, $6.whole); } ;
inner: ',' part '=' INT { $$ = add_word(p, NULL, $2, $4); }
     | inner ',' part '=' INT { $$ = add_word(p, $1, $3, $5); } ;
edge: %empty { $$.edge = EDGE_GUARD; $$.pad = 0; $$.whole = true; }
    | GUARD { $$.edge = EDGE_GUARD; $$.pad = 0; $$.whole = true; }
    | OVERLAP { $$.edge = EDGE_OVERLAP; $$.pad = 0; $$.whole = true; }
    | PAD literal { $$ = $2; $$.edge = EDGE_PAD; } ;
literal: number
       | '-' number { $$ = $2; $$.pad = -$$.pad; $$.whole = $$.whole && $$.pad != 0; } ;
number: INT { $$.edge = EDGE_PAD; $$.pad = $1; $$.whole = true; }
      | FLOAT { $$.edge = EDGE_PAD; $$.pad = $1; $$.whole = false; }
      | INF { $$.edge = EDGE_PAD; $$.pad = INFINITY; $$.whole = false; }
      | NOT_A_NUMBER { $$.edge = EDGE_PAD; $$.pad = NAN; $$.whole = false; }
      | TRUE { $$.edge = EDGE_PAD; $$.pad = 1; $$.whole = true; }
      | FALSE { $$.edge = EDGE_PAD; $$.pad = 0; $$.whole = true; } ;

fuse: FUSE '(' parts ')' ARROW part { mapping_parse_fuse(p, $3, $6); } ;
parts: part { $$ = add_word(p, NULL, $1, 0); }
     | parts ',' part { $$ = add_word(p, $1, $3, 0); } ;

place: soft IN part layout times align { mapping_parse_place(p, $1, $3, $4, (int64_t)$5, (int64_t)$6); } ;
layout: %empty { $$ = NULL; }
      | '[' ']' { $$ = ARENA_NEW(&p->cx->arena, MapWords); }
      | '[' parts ']' { $$ = $2; } ;
times: %empty { $$ = 0; } | TIMES { $$ = $1 < 1 ? -1 : $1; } ;
align: %empty { $$ = 0; } | ALIGN INT { $$ = $2 < 1 ? -1 : $2; } ;

nodes: %empty { $$ = (MapNodes){{0}, {0}}; }
     | nodes node { $$ = $1;
                    if ($1.first.i == 0) $$.first = $2;
                    else node_at(p->m, $1.last)->next = $2;
                    $$.last = $2; } ;

node: leaf { $$ = mapping_parse_node(p, (MapNode){.role = ROLE_LEAF}, (MapPending){.leaf = $1}, (uint32_t)@1.first_line); }
    | role part window combine '{' nodes '}' { $$ = loop(p, $1, $2, $3, $4, $6, @1.first_line); }
    | STAGE '{' nodes '}' { $$ = loop(p, (MapNode){.role = ROLE_STAGE}, (MapWord){{0}, 0, 0, 0}, (MapWindow){0},
                                      (MapCombine){0}, $3, @1.first_line); }
    | STAGE part '{' nodes '}' { $$ = loop(p, (MapNode){.role = ROLE_STAGE, .unit = $2.name}, (MapWord){{0}, 0, 0, 0},
                                           (MapWindow){0}, (MapCombine){0}, $4, @1.first_line); } ;

role: FOR { $$ = (MapNode){.role = ROLE_FOR}; }
    | PIPE { $$ = (MapNode){.role = ROLE_PIPE}; }
    | UNROLL { $$ = (MapNode){.role = ROLE_UNROLL}; }
    | LANE { $$ = (MapNode){.role = ROLE_LANE}; }
    | UNIT '(' part ')' { $$ = (MapNode){.role = ROLE_UNIT, .unit = $3.name}; } ;

window: %empty { $$ = (MapWindow){0}; }
      | NEEDED BY leaf { $$ = (MapWindow){WINDOW_NEEDED, $3}; }
      | NEW TO leaf { $$ = (MapWindow){WINDOW_NEW, $3}; } ;
combine: %empty { $$ = (MapCombine){COMBINE_NONE, false}; }
       | TREE { $$ = (MapCombine){COMBINE_TREE, false}; }
       | PAIRS { $$ = (MapCombine){COMBINE_PAIRS, false}; }
       | SEQ { $$ = (MapCombine){COMBINE_SEQ, false}; }
       | CHAIN { $$ = (MapCombine){COMBINE_CHAIN, false}; }
       | TREE EACH { $$ = (MapCombine){COMBINE_TREE, true}; }
       | PAIRS EACH { $$ = (MapCombine){COMBINE_PAIRS, true}; }
       | SEQ EACH { $$ = (MapCombine){COMBINE_SEQ, true}; }
       | CHAIN EACH { $$ = (MapCombine){COMBINE_CHAIN, true}; } ;

leaf: soft { $$ = (MapLeaf){$1, false, 0}; }
    | soft '.' INT { $$ = (MapLeaf){$1, true, (int64_t)$3}; } ;

soft: NAME | MAP | NEEDED | BY | NEW | TO | TREE | PAIRS | SEQ | CHAIN | EACH ;
part: soft | ON | SPLIT | FUSE | GUARD | OVERLAP | PAD | FOR | PIPE | UNROLL | LANE | UNIT | STAGE | ALIGN ;
%%

static MapWords *add_word(struct MappingParse *p, MapWords *words, MapWord word, double number)
{
    if (words == NULL)
        words = ARENA_NEW(&p->cx->arena, MapWords);
    vec_push(&p->cx->arena, &words->list, word);
    vec_push(&p->cx->arena, &words->numbers, (int64_t)number);
    return words;
}

/* Hangs siblings, linked by `next`, below `node`. */
static MapNodeId add_children(struct MappingParse *p, MapNodeId node, MapNodes children)
{
    node_at(p->m, node)->first = children.first;
    node_at(p->m, node)->last = children.last;
    for (MapNodeId at = children.first; at.i != 0; at = node_at(p->m, at)->next)
        node_at(p->m, at)->parent = node;
    return node;
}

static MapNodeId loop(struct MappingParse *p, MapNode head, MapWord part, MapWindow window, MapCombine combine,
                      MapNodes children, int line)
{
    head.window = window.kind;
    head.combine = combine.combine;
    head.each = combine.each;
    MapPending names = {.part = part, .window = window.leaf};
    return add_children(p, mapping_parse_node(p, head, names, (uint32_t)line), children);
}

static void mappingyyerror(MAPPINGYYLTYPE *at, void *scanner, struct MappingParse *p, const char *message)
{
    (void)scanner;
    if (p->failed) /* the scanner has said what was wrong */
        return;
    Place place = place_text(p->source, (uint32_t)at->first_line, (uint32_t)at->first_column, (uint32_t)at->last_column);
    diag(&p->cx->diag, place, E_SYNTAX, message);
    p->failed = true;
}
