"""What happens without anybody: nights, watched files, notices. Nothing here knows Dagster."""
