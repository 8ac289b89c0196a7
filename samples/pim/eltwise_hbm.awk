# eltwise_hbm.awk: y = a + b, a * b or relu(a) on one channel of hbm2-pim as a command stream, row changes hidden.
#
#   awk -v op=add -v N=16384 [-v refresh_off=1] -f eltwise_hbm.awk > add.pim
#
# A tile is 2,048 elements: 8 bursts of each unit in both parities. Operands and results share rows: groups of 8 bursts, for each
# parity [a][b][y] [a][b][y] .., four groups a row, so a parity changes rows while the other is read or written.
# Burst i of unit u, parity p, tile t holds elements 128 (8 (2t + p) + u) + 16i ..
function say(at, text) { at_time[n_lines] = at; line[n_lines] = text; order[n_lines] = n_lines; n_lines++ }
function flush(limit,   i, j, v, kept) {
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
function parity(p) { return p ? "o" : "e" }
# Row commands give way to a column command of the same cycle.
function act(at, p, row) { say(at + 0.5, "act." parity(p) " row=" row); opened[p] = at }
function pre(at, p) { say(at + 0.5, "pre." parity(p)) }
function most(a, b) { return a > b ? a : b }
# Group j of the tile in parity p, reads or writes, not before `from`; then p's row changes if its next group lies in another one.
function group(tile, j, p, write, from,   q, at, i, end) {
    q = groups * tile + j
    at = most(from, opened[p] + (write ? 10 : 14))
    for (i = 0; i < 8; i++) say(at + 4 * i, (write ? "wr." : "rd.") parity(p) " row=" int(q / 4) " col=" 8 * (q % 4) + i)
    end = at + 28
    last_end[p] = end + (write ? 26 : 5)
    if (q % 4 == 3 && q < groups * tiles - 1 && !(write && takes_refresh)) {
        pre(last_end[p], p)
        act(last_end[p] + 14, p, int(q / 4) + 1)
    }
    return end
}
function refresh(tile,   t) {
    t = most(last_end[0], last_end[1])
    flush(1e15)
    say(t, "pre.all")
    say(t + 14, "ref")
    refreshes++
    act(t + 364, 0, int(groups * (tile + 1) / 4))
    act(t + 370, 1, int(groups * (tile + 1) / 4))
}
BEGIN {
    unary = op == "relu"
    groups = unary ? 2 : 3
    tiles = int((N + 2047) / 2048)
    rows = int((groups * tiles + 3) / 4)
    print ".pim 1 machine=hbm2-pim"
    print ".tensor ab f16 [1, 16, " 512 * rows "] in tier=bank address=0 stride=" 1024 * rows
    print ".tensor y f16 [1, 16, " 512 * rows "] out tier=bank address=0 stride=" 1024 * rows
    print ".tensor off f16 16 const"
    print ".data off"
    print "hex 0000000000000000000000000000000000000000000000000000000000000000"
    print ".tensor on f16 16 const"
    print ".data on"
    print "hex 0100000000000000000000000000000000000000000000000000000000000000"
    print ".tensor program u32 8 const layout=\"crf\""
    print ".data program"
    n = 0
    print "crf " n++ ": fill grf_a, even" (unary ? " relu" : "")
    print "crf " n++ ": fill grf_b, odd" (unary ? " relu" : "")
    if (!unary) {
        print "crf " n++ ": " op " grf_a, grf_a, even auto"
        print "crf " n++ ": " op " grf_b, grf_b, odd auto"
    }
    print "crf " n++ ": nop 7"
    print "crf " n++ ": nop 7"
    if (tiles > 1) {
        print "crf " n ": jump " tiles - 1 ", " n
        n++
    }
    print "crf " n ": exit"
    print "stream ch=0 machine=hbm2-pim"
    say(0, "act.b0 row=6143"); say(4, "act.b8 row=6143"); say(8, "act.b1 row=6143"); say(12, "act.b9 row=6143"); say(45, "pre.all")
    act(59, 1, 16383)
    act(65, 0, 0)
    say(69, "wrr.o col=4 buf=program off=0")
    say(73, "wrr.o col=0 buf=on off=0")
    pre(99, 1)
    act(113, 1, 0)
    next_read = 92
    for (tile = 0; tile < tiles; tile++) {
        end = group(tile, 0, 0, 0, next_read)
        end = group(tile, 0, 1, 0, end + 4)
        if (!unary) {
            end = group(tile, 1, 0, 0, end + 4)
            end = group(tile, 1, 1, 0, end + 4)
        }
        # the next chance is a tile later, its writes' recovery and a row change included
        takes_refresh = !refresh_off && tile < tiles - 1 && end + 75 + 64 * groups + 26 + 26 + 14 + 75 > 3900 * (refreshes + 1)
        end = group(tile, groups - 1, 0, 1, end + 15)
        end = group(tile, groups - 1, 1, 1, end + 4)
        next_read = end + 19
        if (takes_refresh) refresh(tile)
        flush(tile < tiles - 1 ? end : 1e15)
    }
    t = last_end[0]
    say(t + 0.5, "pre.e")
    say(t + 14.5, "act.e row=16383")
    say(t + 24.5, "wrr.e col=0 buf=off off=0")
    say(t + 50, "pre.all")
    say(t + 64, "act.e row=8191")
    say(t + 70, "act.o row=8191")
    say(t + 103, "pre.all")
    flush(1e15)
    print ".control"
    print "launch 0"
}
