# Everything a developer runs. Packages are locked and installed outside the tree: see .ci/env.
.DEFAULT_GOAL := help
.PHONY: help demo test check bench nodes lock

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## two chains, three gateways, messages and tokens, counted by the chains' own state (WITH=cosmos adds two)
	@.ci/env $(if $(filter cosmos,$(WITH)),--with-cosmos) isthmus demo $(if $(WITH),--with $(WITH))

test: ## lint, types, and every test (the contracts' tests included)
	@.ci/env .ci/check
	@.ci/env --with-cosmos python -m pytest -n 2 --dist loadfile

check: ## lint, format, types and import lines only
	@.ci/env --without-nodes .ci/check

bench: ## measure, with peers in the same run; writes docs/benchmarks.json and .md (ONLY=M1 for one row)
	@.ci/env --with-peers python -m tests.benchmarks $(ONLY)

nodes: ## install the locked node tools (anvil, forge, cast, solc), build simd, and show their versions
	@.ci/env --with-cosmos bash -c 'anvil --version && forge --version && cast --version && \
	  if [ -n "$$ISTHMUS_SIMD" ]; then echo simd: && "$$ISTHMUS_SIMD" version --long | grep -E "ibc-go/|cosmos-sdk@|cometbft@"; fi'

lock: ## lock the Python packages anew after a change of pyproject.toml (needs uv)
	@$(LOCK) --output-file requirements/run.lock > /dev/null
	@$(LOCK) --group dev --constraint requirements/run.lock --output-file requirements/dev.lock > /dev/null

LOCK = uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet
