# `make` lists the targets. They need Python 3.10 or later, make and git; `make setup` installs the rest.

VENV := .venv
BIN := $(VENV)/bin
# PATH with a Node.js for aws-cdk-lib: the machine's own, or the one that setup has installed.
WITH_NODE = PATH="$$($(BIN)/python -c 'from cdk_processing.local.deployment.node import path_with_node; print(path_with_node())')"
# uv trusts the machine's certificates, as pip does, such as a company's own.
export UV_SYSTEM_CERTS ?= true
# The number of test processes. Each runs whole files of tests, and waits for other processes much of the time.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
SETUP_NEEDS := pyproject.toml uv.lock scripts/setup.sh
# The folders that import neither aws_cdk nor boto3; their tests start neither Node nor the embedded AWS.
PURE := $(wildcard tests/contract tests/schedules) tests/request tests/access tests/workflow tests/test_errors.py

.DEFAULT_GOAL := help
.PHONY: help setup hooks demo quick test check format bench conformance images limits policies slow upstream lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.set-up-all ## Install everything into .venv

hooks: $(VENV)/.set-up-all ## Run the linters and the type checker before each git commit
	@$(BIN)/pre-commit install

demo: $(VENV)/.set-up-demo ## Deploy the example to the embedded AWS, upload a file, show the outputs
	@$(BIN)/python scripts/demo.py $(ARGS)

quick: $(VENV)/.set-up-all ## Before each commit: the tests of the pure folders, and `make check` beside them
	@$(MAKE) --no-print-directory --jobs 2 --output-sync quick-tests check

.PHONY: quick-tests
quick-tests:
	@$(WITH_NODE) $(BIN)/python -m pytest -q -n $(WORKERS) --maxprocesses 2 --dist loadfile \
		-m 'not drawn and not slow and not upstream' --ignore tests/workflow/model $(PURE) $(ARGS)

test: $(VENV)/.set-up-all ## Run the tests; ARGS='tests/client -k start' runs some of them, WORKERS=0 uses one process
	@$(WITH_NODE) $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 --dist loadfile $(ARGS)

check: $(VENV)/.set-up-all ## Check lint, formatting, types and the imports between folders
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.set-up-all ## Format the code and fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

limits: $(VENV)/.set-up-all ## Write the table of the API's limits from botocore's model
	@$(BIN)/python scripts/make_limits.py

bench: $(VENV)/.set-up-all ## Run the benchmarks and compare with the budgets
	@$(WITH_NODE) $(BIN)/python -m benchmarks $(ARGS)

conformance: $(VENV)/.set-up-all ## Try what AWS does on the embedded AWS, or with ARGS='--profile NAME' in a real account
	@$(WITH_NODE) $(BIN)/python -m conformance $(ARGS)

images: $(VENV)/.set-up-all ## Write the table of AWS's images from the newest SageMaker SDK
	@$(BIN)/python scripts/make_images.py $(ARGS)

policies: $(VENV)/.set-up-all ## Write the table of AWS's managed policies anew, from the newest release of moto
	@$(BIN)/python scripts/make_managed_policies.py

slow: $(VENV)/.set-up-all ## Run the slow tests: redeployments with the CDK's own command line, the SageMaker SDKs, checkov, another IAM simulator
	@$(WITH_NODE) $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 --dist loadfile -m slow $(ARGS)

upstream: $(VENV)/.set-up-all ## Compare with the newest releases of other projects; needs the package index
	@$(BIN)/python -m pytest -m upstream $(ARGS)

lock: $(VENV)/.set-up-all ## Write uv.lock after a change of pyproject.toml; ARGS=--upgrade takes the newest releases
	@$(BIN)/uv lock $(ARGS)

clean: ## Remove everything that make has installed or built
	rm -rf $(VENV) cdk.out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.set-up-demo: $(SETUP_NEEDS)
	@bash scripts/setup.sh demo

$(VENV)/.set-up-all: $(SETUP_NEEDS) scripts/cdk-cli/package-lock.json
	@bash scripts/setup.sh all
