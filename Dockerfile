# mc-lab in a container: `docker build -t mc-lab .`, then
# `docker run --rm -v "$PWD:/project" mc-lab run` in the folder of a project.
FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE dagster.yaml workspace.yaml .env.example ./
COPY engine engine
COPY mc_assets mc_assets
COPY seeds seeds
COPY sql sql
COPY studies studies
COPY data/sample data/sample
COPY uv.lock ./
RUN pip install --no-cache-dir uv==0.13.9 \
    && uv export --quiet --frozen --no-emit-project --output-file requirements.txt \
    && uv build --quiet --wheel --out-dir dist

FROM python:3.12-slim
COPY --from=build /source/requirements.txt /source/dist/*.whl /install/
# Each file of the lock has its hash; the wheel is the one built above.
RUN pip install --no-cache-dir --require-hashes -r /install/requirements.txt \
    && pip install --no-cache-dir --no-deps /install/*.whl \
    && useradd --create-home --uid 1000 quant \
    && mkdir /project \
    && chown quant /project
USER 1000
WORKDIR /project
ENV MC_HOME=/project
EXPOSE 3000
ENTRYPOINT ["mc-lab"]
CMD ["run"]
