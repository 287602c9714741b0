# Prints the table of tests/bench/lib.sh's rows, which are its input; raw names the file of measurements,
# lines of "KEY ROUND VALUE...".
function median(list, n,   i, j, t) {
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && list[j] < list[j - 1]; j--) { t = list[j]; list[j] = list[j - 1]; list[j - 1] = t }
    return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}
function middle(key, field,   r, list) {
    for (r = 1; r <= n[key]; r++) list[r] = value[key, r, field]
    return median(list, n[key])
}
function amount(x, unit) {
    if (unit == "flop/s") return sprintf("%.3g Gflop/s", x / 1e9)
    return sprintf(x < 1000 ? "%.3g %s" : "%.0f %s", x, unit)
}
BEGIN {
    while ((getline line <raw) > 0) {
        split(line, f, " ")
        n[f[1]] = f[2]
        for (i = 1; i <= 3 && i + 2 in f; i++) value[f[1], f[2], i] = f[i + 2]
        form[f[1]] = ""
        for (i = 6; i in f; i++) form[f[1]] = form[f[1]] " " f[i]
    }
    close(raw)
    printf "%-62s %18s %18s %7s %7s  %s\n", "what: ours / the other", "ours", "the other", "ratio", "lowest", "target"
}
# "rate >= 0.3" and the number that counts: what the last column says
function verdict(target, x,   t, words, met) {
    words = split(target, t, " ")
    if (words < 2) return ""
    met = t[words - 1] == ">=" ? x >= t[words] : t[words - 1] == "<" ? x < t[words] : x <= t[words]
    return sprintf("%s%s, %s", t[words - 1] " " t[words], t[1] == "time" ? " s" : "", met ? "met" : "NOT MET")
}
function say(title, ours, other, ratio, least, what,   line) {
    line = sprintf("%-62s %18s %18s %7.3g %7s  %s", title, ours, other, ratio, least, what)
    sub(/ +$/, "", line)
    print line
}
$2 == "mean" { say($1, "", "", exp(log_sum[$3] / n_rows[$3]), "", verdict($6, exp(log_sum[$3] / n_rows[$3]))); next }
$2 == "lowest" { say($1, "", "", least_of[$3], "", verdict($6, least_of[$3])); next }
{
    a = middle($2, $4); b = middle($3, $4)
    of_rates = $6 ~ /^rate/
    both = n[$2] < n[$3] ? n[$2] : n[$3] # a slow peer may have had fewer rounds
    for (r = 1; r <= both; r++) {
        ratio = value[$2, r, $4] / value[$3, r, $4]
        list[r] = $5 == "s" || of_rates ? ratio : 1 / ratio
    }
    m = median(list, both)
    say($1, amount(a, $5), amount(b, $5), m, sprintf("%.3g", list[1]), verdict($6, $6 ~ /^time/ ? a : m))
    if ($7 != "") {
        log_sum[$7] += log(m)
        if (!n_rows[$7]++ || m < least_of[$7]) least_of[$7] = m
    }
}
