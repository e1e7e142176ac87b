"""Assets, partitions, resources, checks and schedules, one file per domain."""
