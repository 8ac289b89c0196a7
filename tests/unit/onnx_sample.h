/* A small ONNX text with every part of the syntax, for the tests of the readers. */
#ifndef TESTS_UNIT_ONNX_SAMPLE_H
#define TESTS_UNIT_ONNX_SAMPLE_H

static const char onnx_sample[] =
    "<ir_version: 10, opset_import: [\"\" : 21, \"local\" : 1], producer_name: \"hand \\\"made\\\"\", model_version: 3,\n"
    " doc_string: \"two\nlines\", metadata_props: [\"key\" : \"text\", \"empty\" : \"\"]>\n"
    "\"main graph\" (float[N, 3, ?] x, float[2] d = {1, -2.5e-3}, seq(optional(float[])) s, map(int64, string) m)\n"
    "  => (float[N,\"odd name\"] y, untyped)\n"
    "< float[2,3] w = {1.5, -0.0, inf, nan, 1e-45, 3}, int8[2] i8 = {-128, 127}, uint64 u = {18446744073709551615},\n"
    "  int4[3] i4 = {-8, 7, 1}, uint2[5] u2 = {0, 1, 2, 3, 1}, bool[2] b = {0, 1}, float16[2] h = {15360, 2.0},\n"
    "  bfloat16[1] bf = {16256}, float8e4m3fn[2] f8 = {56, 448.0}, float4e2m1[3] f4 = {7, 15, 1.5}, double dd = {0.1},\n"
    "  string[2] st = {\"a\\\\b\", \"\"}, complex64[1] c = {1, 2}, float[0] none = {}, int32[1,1] one = {-5},\n"
    "  float[N] hidden >\n"
    "{\n"
    "  [\"/layer/0\"] a = Conv <pads = [1, 1, 1, 1], auto_pad = \"NOTSET\", e = 0.1, f: float = 2, fs: floats = [1, 2.5]>\n"
    "     (x, w, )\n"
    "  p, , q = Split <empty: ints = []> (, a) # the first input is omitted\n"
    "  r = com.example.Fused:variant (a, \"\") <strings = [\"x\", \"\"]>\n"
    "  t = Constant <value = int64[2] {1, 2}> ()\n"
    "  k = \"com.my-co\".\"Odd-Op\" <list: tensors = [float {1}, int32[1] n {2}], ty = seq(float[2])> (t)\n"
    "  y = If <then_branch = then () => (float z) { z = Neg (p) }, else_branch = other () => (float z2)\n"
    "     <float lit = {4}> { z2 = Add (lit, q) }> (b)\n"
    "  untyped = local.fn <alpha = 3> (k)\n"
    "}\n"
    "<domain: \"local\", opset_import: [\"\" : 21], overload: \"\">\n"
    "fn <alpha, beta: float = 1.5> (float[N] in) => (out) { out = Elu <alpha: float = @alpha> (in) }\n";

#endif
