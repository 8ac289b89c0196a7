# vendor_hbm.awk: the order in which the vendor's sample kernels of hbm2-pim run, as a command stream of one channel.
#
#   awk -v kernel=gemv -v M=64 -v K=4096 -f vendor_hbm.awk > gemv.pim        weir sim --quirks=peer gemv.pim
#   awk -v kernel=add -v N=16384 -f vendor_hbm.awk > add.pim                 (gemv_tree; add, mul, relu)
#   .. -v strict=1 ..                                                        weir sim --set refresh=timer gemv.pim
#
# One parity works at a time: groups of 8 accesses are barriers, rows are closed and opened on demand, a parity that the group does not
# use is closed as soon as legal, refreshes come by timer between groups. To put row commands where they fall, this file keeps its own clock with the
# distances that such streams meet.
function banks(p, list,   b) {               # of a place: 0..15, "e", "o"
    if (p != "e" && p != "o") { list[1] = p; return 1 }
    for (b = 0; b < 8; b++) list[b + 1] = 2 * b + (p == "o")
    return 8
}
function most(a, b) { return a > b ? a : b }
function earliest(kind, p,   t, n, i, b) {
    t = now + 1
    n = banks(p, place)
    if (kind == "act") t = most(t, last_act + 4)
    if (kind == "rd") t = most(most(t, last_rd + (n > 1 ? 4 : 2)), last_wr + 19)
    if (kind == "wr") t = most(most(t, last_wr + (n > 1 ? 4 : 2)), last_rd + 15)
    for (i = 1; i <= n; i++) {
        b = place[i]
        if (kind == "act") t = most(most(t, act[b] + 47), most(most(pre[b] + 14, ref + 350), group_act[int(b / 4)] + 6))
        else if (kind == "pre") t = most(most(t, act[b] + 33), most(rd[b] + to_pre, wr[b] + 26))
        else if (kind == "rd") t = most(t, act[b] + 14)
        else t = most(t, act[b] + 10)
    }
    return t
}
function issue(kind, p, t, row, text,   n, i, b) {
    n = banks(p, place)
    now = t
    for (i = 1; i <= n; i++) {
        b = place[i]
        if (kind == "act") { act[b] = t; open[b] = row; group_act[int(b / 4)] = t }
        else if (kind == "pre") { pre[b] = t; open[b] = -1 }
        else if (kind == "rd") rd[b] = t
        else wr[b] = t
    }
    if (kind == "act") last_act = t
    if (kind == "rd") last_rd = t
    if (kind == "wr") last_wr = t
    print text
}
function place_name(p) { return p == "e" || p == "o" ? p : "b" p }
function row_of(p,   n) { n = banks(p, place); return open[place[1]] }
# All banks closed.
function close_all(   b, t) {
    t = now + 1
    for (b = 0; b < 16; b++) if (open[b] >= 0) t = most(t, most(act[b] + 33, most(rd[b] + to_pre, wr[b] + 26)))
    now = t
    for (b = 0; b < 16; b++) { if (open[b] >= 0) pre[b] = t; open[b] = -1 }
    print "pre.all"
}
function refresh(   b, t) {
    close_all()
    t = now + 1
    for (b = 0; b < 16; b++) t = most(t, most(act[b] + 47, strict ? pre[b] + 14 : 0))
    now = most(t, due)
    ref = now
    due += 3900
    print "ref"
}
# A group: columns c_kind, c_place, c_row, c_text [1..n]; what else is open is closed meanwhile.
function add(kind, p, row, text) { n_columns++; c_kind[n_columns] = kind; c_place[n_columns] = p; c_row[n_columns] = row; c_text[n_columns] = text }
function consider(kind, p, t, row, text) { if (t < best) { best = t; b_kind = kind; b_place = p; b_row = row; b_text = text } }
function run(   first, i, p, r, used, seen) {
    for (first = 1; first <= n_columns;) {
        best = 1e15
        delete used
        if (row_of(c_place[first]) == c_row[first]) consider(c_kind[first], c_place[first], earliest(c_kind[first], c_place[first]), 0, c_text[first])
        for (i = first; i <= n_columns; i++) {
            p = c_place[i]
            if (p in used) continue
            used[p] = 1
            r = row_of(p)
            if (r == c_row[i]) continue
            if (r >= 0) consider("pre", p, earliest("pre", p), 0, "pre." place_name(p))
            else consider("act", p, earliest("act", p), c_row[i], "act." place_name(p) " row=" c_row[i])
        }
        for (i = 1; i <= n_places; i++) {
            p = places[i]
            if (!(p in used) && row_of(p) >= 0) consider("pre", p, earliest("pre", p), 0, "pre." place_name(p))
        }
        if (best >= due && first == 1) { refresh(); continue }
        issue(b_kind, b_place, best, b_row, b_text)
        if (b_text == c_text[first]) first++
    }
    n_columns = 0
}
function single(   b) { n_places = 16; for (b = 0; b < 16; b++) places[b + 1] = b }
function parities() { n_places = 2; places[1] = "e"; places[2] = "o" }
function registers(p, col, n, buf, off,   i) {
    for (i = 0; i < n; i++) add("wr", p, 16383, "wrr." p " col=" col + i " buf=" buf " off=" off + 32 * i)
    run()
}
# n accesses from a burst of the parity on, 32 a row, in groups of 8.
function accesses(kind, p, burst, n,   i) {
    for (i = 0; i < n; i++) {
        add(kind, p, int(burst / 32), kind "." p " row=" int(burst / 32) " col=" burst % 32)
        burst++
        if (i % 8 == 7) run()
    }
}
# n accesses of every bank to a row, neighbours in different groups.
function park(kind, row, n, tail,   c, i, b) {
    for (c = 0; c < n; c++)
        for (i = 0; i < 16; i++) {
            b = 4 * (i % 4) + int(i / 4)
            add(kind, b, row, kind ".b" b " row=" row " col=" c tail)
        }
    run()
}
function enter(   b, t) {
    single()
    park("rd", 4096, 1, "")
    if (kernel == "gemv_tree") park("wr", 1000, 8, " buf=zero off=0")
    for (b = 0; b < 16; b++) if (open[b] >= 0) { t = earliest("pre", b); issue("pre", b, t, 0, "pre.b" b) }
    split("0 8 1 9", mode_bank, " ")
    for (i = 1; i <= 4; i++) {
        b = mode_bank[i]
        if (i == 4) issue("wr", 0, earliest("wr", 0), 0, "wr.b0 row=6143 col=0 buf=zero off=0")
        issue("act", b, earliest("act", b), 6143, "act.b" b " row=6143")
    }
    close_all()
    parities()
}
function leave(   b) {
    if (row_of("e") >= 0 || row_of("o") >= 0) close_all()
    issue("act", "e", earliest("act", "e"), 8191, "act.e row=8191")
    issue("act", "o", earliest("act", "o"), 8191, "act.o row=8191")
    issue("wr", "e", earliest("wr", "e"), 0, "wr.e row=8191 col=0 buf=zero off=0")
    issue("wr", "o", earliest("wr", "o"), 0, "wr.o row=8191 col=0 buf=zero off=0")
    close_all()
    single()
    due = 1e15                                # nothing to be kept
    park("rd", 4096, 1, "")
    close_all()
}
function constant(name, hex) { print ".tensor " name " f16 16 const"; print ".data " name; print "hex " hex }
function instructions(at, n, text,   i) { for (i = 0; i < n; i++) print "crf " at + i ": " text; return at + n }
function gemv_program(   at, even, odd) {
    even = int((tiles + 1) / 2)
    odd = int(tiles / 2)
    at = instructions(0, 8, "mac grf_b, grf_a, even auto")
    if (even > 1) at = instructions(at, 1, "jump " even - 1 ", 8")
    if (odd) at = instructions(at, 8, "mac grf_b, grf_a, odd auto")
    if (odd > 1) at = instructions(at, 1, "jump " odd - 1 ", 8")
    return instructions(at, 1, "nop 7")
}
function tree_program(   at, p) {
    for (p = 0; p < 2 && p < tiles; p++) {
        at = instructions(at + 0, 8, "mac grf_b, grf_a, " (p ? "odd" : "even") " auto")
        at = instructions(at, 1, "nop 7")
        at = instructions(at, 1, "fill grf_b, even")
    }
    if (tiles > 2) at = instructions(at, 1, "jump " int(tiles / 2) - 1 ", 20")
    return at
}
function eltwise_program(   at, b) {
    at = instructions(0, 1, "fill grf_a, even" (kernel == "relu" ? " relu" : ""))
    if (kernel != "relu") at = instructions(at, 1, kernel " grf_a, grf_a, even auto")
    at = instructions(at, 1, "nop 7")
    at = instructions(at, 1, "fill grf_b, odd" (kernel == "relu" ? " relu" : ""))
    if (kernel != "relu") at = instructions(at, 1, kernel " grf_b, grf_b, odd auto")
    at = instructions(at, 1, "nop 7")
    if (tiles > 1) at = instructions(at, 1, "jump " tiles - 1 ", " at)
    return instructions(at, 1, "exit")
}
function k_tile(t, j,   p) {
    p = t % 2 ? "o" : "e"
    registers("o", 8, 8, "x", 256 * t)
    accesses("rd", p, 64 * (int(t / 2) + j * half), 64)
}
function gemv(   j, t, p) {
    for (j = 0; j < row_tiles; j++) {
        registers("e", 0, 1, "on", 0)
        for (p = 0; p < 2; p++) for (t = p; t < tiles; t += 2) k_tile(t, j)
        accesses("wr", "o", row_tiles * half * 64 + 8 * j, 8)
        registers("e", 0, 1, "zero", 0)
    }
}
function gemv_tree(   j, t) {
    for (j = 0; j < row_tiles; j++) {
        registers("e", 0, 1, "on", 0)
        for (t = 0; t < tiles; t++) {
            k_tile(t, j)
            accesses("wr", "o", row_tiles * half * 64 + 8 * (j * tiles + t), 8)
            accesses("rd", "e", 32000, 8)
        }
        registers("e", 0, 1, "zero", 0)
    }
}
function eltwise(   t, p, i) {
    registers("e", 0, 1, "on", 0)
    for (t = 0; t < tiles; t++)
        for (i = 0; i < 2; i++) {
            p = i ? "o" : "e"
            accesses("rd", p, 8 * t, 8)
            if (kernel != "relu") accesses("rd", p, 8 * t + 128 * 32, 8)
            accesses("wr", p, 8 * t + 256 * 32, 8)
        }
    registers("e", 0, 1, "zero", 0)
}
BEGIN {
    if (!kernel) kernel = "gemv"
    is_gemv = kernel ~ /^gemv/
    row_tiles = int((M + 63) / 64)
    tiles = is_gemv ? int((K + 127) / 128) : int((N + 2047) / 2048)
    half = int((tiles + 1) / 2)
    to_pre = strict ? 5 : 3
    due = strict ? 3900 : 1950
    now = -1
    ref = last_act = last_rd = last_wr = -1000
    for (b = 0; b < 16; b++) { open[b] = -1; act[b] = pre[b] = rd[b] = wr[b] = -1000; group_act[b % 4] = -1000 }
    print ".pim 1 machine=hbm2-pim"
    if (is_gemv) print ".tensor x f16 " 128 * tiles " in"
    weight_rows = is_gemv ? 2 * row_tiles * half : 384
    print ".tensor w f16 [1, 16, " 512 * weight_rows "] in tier=bank address=0 stride=" 1024 * weight_rows
    result = is_gemv ? weight_rows : 256
    result_rows = is_gemv ? int((8 * row_tiles * (kernel == "gemv" ? 1 : tiles) + 31) / 32) : 128
    print ".tensor y f16 [1, 16, " 512 * result_rows "] out tier=bank address=" result " stride=" 1024 * result_rows
    constant("zero", "0000000000000000000000000000000000000000000000000000000000000000")
    constant("on", "0100000000000000000000000000000000000000000100000000000000000000")
    print ".tensor program u32 32 const layout=\"crf\""
    print ".data program"
    words = int(((kernel == "gemv" ? gemv_program() : kernel == "gemv_tree" ? tree_program() : eltwise_program()) + 7) / 8)
    print "stream ch=0 machine=hbm2-pim"
    enter()
    registers("o", 4, words, "program", 0)
    if (kernel == "gemv") gemv()
    else if (kernel == "gemv_tree") gemv_tree()
    else eltwise()
    leave()
    print ".control"
    print "launch 0"
}
