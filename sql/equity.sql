-- One row per simulation of the studies that record equity curves: a list of points.
CREATE VIEW equity AS
SELECT
    cells.study,
    (seeds.position * cells.paths_per_seed + rows.path) * cells.parameter_sets
        + cells.parameter_set AS simulation,
    cells.parameter_set,
    rows.seed,
    rows.path,
    rows.equity::FLOAT[] AS equity
FROM read_parquet(
    {equity}, union_by_name = true, hive_partitioning = false, filename = true
) AS rows
JOIN internal.study_sets AS cells
    ON cells.world = rows.world AND cells.file = parse_filename(rows.filename)
    AND cells.set_id = rows.set_id AND cells.equity
JOIN internal.study_seeds AS seeds
    -- One key of piece and seed, so that no plan pairs every set with every seed before the rows.
    ON seeds.study = cells.study
    AND seeds.piece::UHUGEINT * 18446744073709551616 + seeds.seed
    = cells.piece::UHUGEINT * 18446744073709551616 + rows.seed;
