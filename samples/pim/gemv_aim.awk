# gemv_aim.awk: y = W x on gddr6-aim as a command stream.
#
#   awk -v M=4096 -v K=4096 -v channels=32 -v order=own -f gemv_aim.awk > gemv.pim
#
# Output row m lies in channel m % channels, bank (m / channels) % 16, group m / (16 channels). Row g * chunks + i of a bank holds
# chunk i (1,024 inputs, 64 columns) of group g. Orders (the public simulator's samples, rows and modes just in time):
#   A  each group: bias, each chunk: input and row, read
#   B  each chunk: input, for up to 32 groups: biases, rows, reads (partial sums leave, the host adds)
#   C  each chunk: input, each group: bias, row, read
#   D  for up to 32 groups: each chunk: input (before the first the biases), rows; reads at the end
#   own  as D, but a row is opened before the registers are visited, which hides 56 cycles, and refreshes stand between rows
# y holds a burst (16 banks) a group and channel; in orders B and C one a chunk too.
function say(text) { print text }
function mode(registers) {
    if (registers == in_registers)
        return
    say("tmod")
    in_registers = registers
}
function row(r) {
    mode(0)
    if (r == open)
        return
    if (open >= 0)
        say("pre.all")
    say("act.all row=" r)
    open = r
}
function input(i) { mode(1); say("wrgb n=" columns(i) " gb=0 buf=x off=" 2048 * i) }
function bias(g, acc) { mode(1); say("wrmac acc=" acc " buf=b off=" 32 * g) }
function read(g, acc, i) { mode(1); say("rdmac acc=" acc " buf=y off=" 32 * (i * groups + g)) }
function columns(i) { return i < chunks - 1 ? 64 : all_columns - 64 * (chunks - 1) }
function mac(g, i, acc) { row(g * chunks + i); say("mac.all row=" open " col=0 n=" columns(i) " gb=0 acc=" acc) }
function least(a, b) { return a < b ? a : b }

function order_a(   g, i) {
    for (g = 0; g < groups; g++) {
        bias(g, 0)
        for (i = 0; i < chunks; i++) { input(i); mac(g, i, 0) }
        read(g, 0, 0)
    }
}
function order_b(   g, i, first, last) {
    for (i = 0; i < chunks; i++) {
        input(i)
        for (first = 0; first < groups; first = last) {
            last = least(first + 32, groups)
            for (g = first; g < last; g++) bias(i == 0 ? g : groups, g - first)
            for (g = first; g < last; g++) mac(g, i, g - first)
            for (g = first; g < last; g++) read(g, g - first, i)
        }
    }
}
function order_c(   g, i) {
    for (i = 0; i < chunks; i++) {
        input(i)
        for (g = 0; g < groups; g++) { bias(i == 0 ? g : groups, 0); mac(g, i, 0); read(g, 0, i) }
    }
}
function order_d(   g, i, first, last) {
    for (first = 0; first < groups; first = last) {
        last = least(first + 32, groups)
        for (i = 0; i < chunks; i++) {
            input(i)
            for (g = first; i == 0 && g < last; g++) bias(g, g - first)
            for (g = first; g < last; g++) mac(g, i, g - first)
        }
        for (g = first; g < last; g++) read(g, g - first, 0)
    }
}
# A refresh where the next chance would be too late; `cost` cycles to it.
function refresh(cost) {
    if (refresh_off || time + cost <= 3333 * (refreshes + 1))
        return
    mode(0)
    say("ref")
    refreshes++
    time += 210
}
function own(   g, i, first, last, visit, cost) {
    for (first = 0; first < groups; first = last) {
        last = least(first + accumulators, groups)
        for (i = 0; i < chunks; i++)
            for (g = first; g < last; g++) {
                visit = g > first ? 0 : 8 + 2 * columns(i) + (i == 0 ? 2 * (last - first) : 0)
                cost = 98 + 2 * columns(i) + visit
                refresh(cost + (g == last - 1 && i == chunks - 1 ? 40 + 2 * (last - first) : 0))
                mode(0)
                say("act.all row=" g * chunks + i)
                open = g * chunks + i
                if (visit) {
                    input(i)
                    if (i == 0)
                        say("wrmac acc=0 n=" last - first " buf=b off=" 32 * first)
                }
                mac(g, i, g - first)
                say("pre.all")
                open = -1
                time += cost
            }
        mode(1)
        say("rdmac acc=0 n=" last - first " buf=y off=" 32 * first)
        time += 40 + 2 * (last - first)
    }
}
BEGIN {
    if (!order) order = "own"
    if (!accumulators) accumulators = 32
    groups = int((M + 16 * channels - 1) / (16 * channels))
    all_columns = int((K + 15) / 16)
    chunks = int((all_columns + 63) / 64)
    partial = order == "B" || order == "C" ? chunks : 1
    open = -1
    say(".pim 1 machine=gddr6-aim")
    say(".tensor x bf16 " 16 * all_columns " in")
    say(".tensor b bf16 [" channels ", " groups + 1 ", 16] in stride=" 32 * (groups + 1))
    say(".tensor y bf16 [" channels ", " partial * groups ", 16] out stride=" 32 * partial * groups)
    say(".tensor w bf16 [" channels ", 16, " groups * chunks * 1024 "] in tier=bank address=0 stride=" 2048 * groups * chunks)
    say("stream ch=0-" channels - 1 " machine=gddr6-aim")
    if (order == "A") order_a()
    else if (order == "B") order_b()
    else if (order == "C") order_c()
    else if (order == "D") order_d()
    else own()
    if (open >= 0) { mode(0); say("pre.all") }
    say(".control")
    say("launch 0")
}
