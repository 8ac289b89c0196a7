/*
 * ir/mapping_parse.h: from the text of maps to mappings (internal to ir/).
 *
 * In:   a source, the cascade whose statements are mapped. Out: mappings whose names are resolved. Clauses are resolved
 *       as they come, nodes and places when their map ends, since places and loops may stand before the splits they use.
 */
#ifndef WEIR_IR_MAPPING_PARSE_H
#define WEIR_IR_MAPPING_PARSE_H

#include "ir/mapping.h"

/* A word of the text with its place. */
typedef struct MapWord {
    Name name;
    uint32_t line, column, end_column;
} MapWord;

typedef struct MapLeaf {
    MapWord word;
    bool numbered;
    int64_t number;
} MapLeaf;

typedef struct MapWords {
    VEC(MapWord) list;
    VEC(int64_t) numbers;
} MapWords;

typedef struct MapCombine {
    Combine combine;
    bool each;
} MapCombine;

typedef struct MapWindow {
    WindowKind kind;
    MapLeaf leaf;
} MapWindow;

/* Siblings while their parent is not there. */
typedef struct MapNodes {
    MapNodeId first, last;
} MapNodes;

/* Names of a node that are resolved when the map ends, by node number. */
typedef struct MapPending {
    MapWord part;
    MapLeaf leaf, window;
} MapPending;

typedef struct MapPendingPlace {
    MapWord tensor;
    MapWords *parts;
    PlaceLine line;
} MapPendingPlace;

typedef struct MappingParse {
    weir_context *cx;
    const Source *source;
    Cascade *cs;
    const struct Groups *groups;
    VEC(Mapping *) maps;
    /* of the map at hand */
    Mapping *m;
    MapWord title;
    VEC(MapPending) pending;
    VEC(MapPendingPlace) places;
    /* names of the cascade */
    uint32_t n_names;
    RankId *rank_of;
    TensorId *tensor_of;
    uint32_t *first_definition; /* by tensor + 1: where its definitions stand in `definitions` */
    StatementId *definitions;
    uint32_t n_definitions;
    /* the scanner */
    uint32_t line, column, braces;
    bool failed;
} MappingParse;

/* Scanner and parser; 0 if the text follows the grammar. In ir/mapping.l. */
int mapping_run_grammar(MappingParse *p);

/* ---- called by the grammar ---- */
void mapping_parse_begin(MappingParse *p, MapWord name, MapWord machine);
void mapping_parse_end(MappingParse *p);
void mapping_parse_split(MappingParse *p, MapWord parent, MapWord outer, const MapWords *inner, EdgeRule edge, double pad,
                         bool pad_whole);
void mapping_parse_fuse(MappingParse *p, const MapWords *parts, MapWord name);
void mapping_parse_place(MappingParse *p, MapWord tensor, MapWord level, MapWords *parts, int64_t times, int64_t align);
MapNodeId mapping_parse_node(MappingParse *p, MapNode node, MapPending names, uint32_t line);
void mapping_parse_error(MappingParse *p, MapWord at, DiagId id, const char *a, const char *b);

#endif
