# gemv_hbm.awk: y = W x on one channel of hbm2-pim as a command stream, the registers hidden behind both parities.
#
#   awk -v M=64 -v K=4096 [-v form=vector|scalar] [-v refresh_off=1] -f gemv_hbm.awk > gemv.pim
#
# vector: a tile is 64 outputs x 128 inputs, unit u holds outputs 8u..8u+7 in GRF_B. Tile t's first half (inputs in GRF_A 0..3) lies in
#   one parity in a row with an even number, the second (GRF_A 4..7) in the other parity in a row with an odd number; parities swap
#   after every tile. The burst of input g and output j is column 8 (g & 3) + j. y: 16 partial sums an output, the host adds them.
# scalar: a tile is 1,024 outputs x 8 inputs, the inputs are scalars in SRF_M, GRF_B[c] of unit u holds outputs 128u + 16c..; columns
#   8 (i & 3) + c for input i. y needs no sums of lanes.
# While one parity is read the other closes its row and opens its next one, or the register row. Row tile r of the outputs begins where
# the one before ended; its results lie in rows from `result` on, in the parity that was read first in its last tile.
function say(at, text) { at_time[n_lines] = at; line[n_lines] = text; order[n_lines] = n_lines; n_lines++ }
function parity(p) { return p ? "o" : "e" }
function flush(limit,   i, j, v, kept) {      # lines before `limit` by time; they are nearly in order
    for (i = 1; i < n_lines; i++) {
        v = order[i]
        for (j = i - 1; j >= 0 && at_time[order[j]] > at_time[v]; j--) order[j + 1] = order[j]
        order[j + 1] = v
    }
    for (i = 0; i < n_lines && at_time[order[i]] < limit; i++) print line[order[i]]
    for (kept = 0; i < n_lines; i++) { rest_time[kept] = at_time[order[i]]; rest[kept++] = line[order[i]] }
    n_lines = 0
    for (i = 0; i < kept; i++) say(rest_time[i], rest[i])
}
# n column commands 4 apart; each stands alone, so that row commands fall between them.
function columns(at, text, col, n,   i) { for (i = 0; i < n; i++) say(at + 4 * i, text " col=" col + i) }
function act(at, p, row) { say(at, "act." parity(p) " row=" row) }
function pre(at, p) { say(at, "pre." parity(p)) }
function register(at, p, col, n, buf, off,   i) {
    for (i = 0; i < n; i++) say(at + 4 * i, "wrr." parity(p) " col=" col + i " buf=" buf " off=" off + 32 * i)
}
# Row of tile t (counted over all row tiles) in a parity: two tiles share two rows of each parity.
function data_row(t, half, p) { return half ? t - t % 2 + 1 : t - t % 2 }
function least(a, b) { return a < b ? a : b }

# The first input write of a tile to the first of the next: t0 is the cycle of its first write, x the parity read first.
function tile(t0, x, in_tile, visit, last, next_x,   y, read, back, i) {
    y = 1 - x
    register(t0, y, vector ? 8 : 1, visit, "x", 32 * visit * in_tile)
    read = t0 + 4 * (visit - 1) + 19
    columns(read, "rd." parity(x) " row=" data_row(done, 0, x), 0, 32)
    pre(t0 + 4 * (visit - 1) + 26, y)
    act(t0 + 4 * (visit - 1) + 40, y, data_row(done, 1, y))
    back = read + 128
    columns(back, "rd." parity(y) " row=" data_row(done, 1, y), 0, 32)
    if (last) {
        pre(back + 1, x)
        act(back + 15, x, result + row_tile)
    }
    return back + 124                        # the last read
}
# The registers of x open behind the last read at `end`; y closes and opens the first half of the next tile.
function next_tile(end, x,   y) {
    y = 1 - x
    pre(end - 123, x)
    act(end - 109, x, 16383)
    pre(end + 5, y)
    act(end + 20, y, data_row(done + 1, 0, y))
    return end + 15
}
# All banks closed, a refresh, and the rows of the next tile open: the parity p gets the registers.
function refresh_then(end, p, q_row,   t) {
    say(end + 5, "pre.all")
    t = end + 19
    say(t, "ref")
    refreshes++
    act(t + 350, p, 16383)
    act(t + 356, 1 - p, q_row)
    return t + 360
}
# Would the next chance come too late? `ahead` cycles to the last read of the next tile.
function due(now, ahead, results) {
    return !refresh_off && now + ahead + 5 + 14 + (results ? 26 : 0) > 3900 * (refreshes + 1)
}
function header() {
    print ".pim 1 machine=hbm2-pim"
    print ".tensor x f16 " 16 * visit * tiles " in"
    print ".tensor w f16 [1, 16, " 512 * weight_rows "] in tier=bank address=0 stride=" 1024 * weight_rows
    print ".tensor y f16 [1, 16, " 512 * row_tiles "] out tier=bank address=" result " stride=" 1024 * row_tiles
    print ".tensor zero f16 16 const"
    print ".data zero"
    print "hex 0000000000000000000000000000000000000000000000000000000000000000"
    print ".tensor on f16 16 const"              # run; clear GRF_B
    print ".data on"
    print "hex 0100000000000000000000000000000000000000000100000000000000000000"
    program("even_first", "even", "odd")
    program("odd_first", "odd", "even")
}
function macs(from, n, bank, one,   i) {
    for (i = 0; i < n; i++) print "crf " from + i ": mac grf_b, " (vector ? "grf_a, " bank : bank ", srf_m") " auto"
    return from + n
}
# Two tiles a turn; a row tile of an odd number of tiles has the first in front of the loop.
function program(name, x, y,   at, turns) {
    print ".tensor " name " u32 32 const layout=\"crf\""
    print ".data " name
    at = 0
    if (tiles % 2) {
        at = macs(at, 4, x)
        at = macs(at, 4, y)
        turns = (tiles - 1) / 2
        if (turns) {
            at = macs(at, 4, y)
            at = macs(at, 8, x)
            at = macs(at, 4, y)
        }
    } else {
        turns = tiles / 2
        at = macs(at, 4, x)
        at = macs(at, 8, y)
        at = macs(at, 4, x)
    }
    if (turns > 1) print "crf " at++ ": jump " turns - 1 ", 16"
    print "crf " at++ ": mov " (tiles % 2 ? x : y) ", grf_b auto"
    words = int((at + 7) / 8)
}
BEGIN {
    vector = form != "scalar"
    visit = vector ? 8 : 1
    row_tiles = int((M + (vector ? 63 : 1023)) / (vector ? 64 : 1024))
    tiles = int((K + (vector ? 127 : 7)) / (vector ? 128 : 8))
    weight_rows = row_tiles * tiles + row_tiles * tiles % 2
    result = 4095 - row_tiles
    header()
    print "stream ch=0 machine=hbm2-pim"
    # SB to AB: the mode row in four banks
    say(0, "act.b0 row=6143"); say(4, "act.b8 row=6143"); say(8, "act.b1 row=6143"); say(12, "act.b9 row=6143"); say(45, "pre.all")
    x = 0
    act(59, 1 - x, 16383)
    act(65, x, data_row(0, 0, x))
    register(69, 1 - x, 4, words, "even_first", 0)
    register(69 + 4 * words, 1 - x, 0, 1, "on", 0)
    now = 69 + 4 * words + 4
    period = 284 + 4 * visit - 4             # first write to last read
    for (row_tile = 0; row_tile < row_tiles; row_tile++) {
        for (t = 0; t < tiles; t++) {
            last = t == tiles - 1
            end = tile(now, x, t, visit, last)
            if (!last) {
                if (due(end, 15 + period, t == tiles - 2)) {
                    now = refresh_then(end, x, data_row(done + 1, 0, 1 - x))
                } else
                    now = next_tile(end, x)
                x = 1 - x
            } else {
                # results to x, programs and the next row tile's first rows
                y = 1 - x
                columns(end + 15, "wr." parity(x) " row=" result + row_tile, 0, 8)
                pre(end + 5, y)
                act(end + 20, y, 16383)
                if (row_tile < row_tiles - 1) {
                    register(end + 47, y, 4, words, x ? "odd_first" : "even_first", 0)
                    register(end + 47 + 4 * words, y, 0, 1, "on", 0)
                    now = end + 47 + 4 * words + 4 + (vector ? 0 : 15)
                    if (due(end + 69, period + 26, tiles == 1)) {
                        say(now + 22, "pre.all")
                        say(now + 36, "ref")
                        refreshes++
                        act(now + 386, y, 16383)
                        act(now + 392, x, data_row(done + 1, 0, x))
                        now += 396
                    } else {
                        pre(end + 69, x)
                        act(end + (vector ? 84 : 83), x, data_row(done + 1, 0, x))
                    }
                }
            }
            done++
            flush(now)
        }
    }
    register(end + 47, y, 0, 1, "zero", 0)
    say(end + 73, "pre.all")
    act(end + 87, 0, 8191)
    act(end + 93, 1, 8191)
    say(end + 126, "pre.all")
    flush(1e15)
    print ".control"
    print "launch 0"
}
