# After table.awk: the rates of training of tests/bench/run, in epochs, updates and operations.
END {
    printf "\n%-30s %14s %14s %14s\n", "rates", "epochs/s", "updates/s", "Gflop/s"
    while ((getline line <raw) > 0) {
        split(line, f, " "); key = f[1]
        if (f[2] > 1 || key !~ /\// || key ~ /blas$/ || key ~ /^(csv|idx|[0-9]+)\//) continue
        if (key ~ /^million/)
            printf "%-30s %14.0f\n", key ", whole process", 1e6 / middle(key, 1)
        else if ((key, 1, 2) in value)
            printf "%-30s %14.6g %14.6g %14.3g%s\n", key, middle(key, 1), middle(key, 2), middle(key, 3) / 1e9, form[key] ? " " form[key] : ""
        else
            printf "%-30s %14.6g\n", key, middle(key, 1)
    }
}
