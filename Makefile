# make app: the app in the browser.  make test: the whole suite.  Both set themselves up.
VENV := .venv
BIN := $(VENV)/bin
# Two at once, a file on one, in the order of tests/conftest.py; each with one thread for NumPy.
# What Python compiles is kept, whatever the environment says: it takes each of them seven seconds.
PYTEST := PYTHONDONTWRITEBYTECODE= OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
DEMO := artifacts/datasets/demo/dataset.json

.PHONY: app test test-fast test-masked check demo-runs lock clean

app: $(VENV)/.run $(DEMO)
	$(BIN)/streamlit run app.py

test: $(VENV)/.dev
	$(PYTEST)

# The tests within one process, and those of the pages, but for those of half a second or more.
test-fast: $(VENV)/.dev
	$(PYTEST) -m "(unit or page) and not slow"

# As on an x86-64 processor without AVX-512.
test-masked: $(VENV)/.dev
	ONEDNN_MAX_CPU_ISA=AVX2 DNNL_MAX_CPU_ISA=AVX2 TF_ENABLE_ONEDNN_OPTS=0 OPENBLAS_CORETYPE=Haswell \
	NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL AVX512_SPR" \
	GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ \
	$(PYTEST)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Trains the runs and picks the examples that the repository ships. The first is the default. What
# they make of real cells is measured where BLASTLENS_REAL_DATA names a folder that has some.
SHIPPED := demo-colour-bands demo-cnn-16 demo-cnn-dropout
demo-runs: $(VENV)/.run $(DEMO)
	rm -rf artifacts/runs/demo-* artifacts/examples
	set -e; for run in $(SHIPPED); do \
	  $(BIN)/python -m core train demo --architecture $${run#demo-} --run-id $$run; \
	done
	$(BIN)/python -m core operating-point demo-colour-bands --review-error 0.05
	set -e; for run in $(SHIPPED); do \
	  test ! -d "$(BLASTLENS_REAL_DATA)" || \
	    $(BIN)/python -m core evaluate $$run --dataset $(BLASTLENS_REAL_DATA)/cnmc_sample/C-NMC_Leukemia; \
	done
	$(BIN)/python -m core examples demo-colour-bands
	$(BIN)/python -m core about demo-colour-bands --name "Colour bands · demo set" --tags shipped
	$(BIN)/python -m core about demo-cnn-16 --name "CNN-16 · demo set" --tags shipped
	$(BIN)/python -m core about demo-cnn-dropout --name "CNN with dropout · demo set" --tags shipped
	rm -rf artifacts/runs/demo-*/worker.* artifacts/runs/demo-*/*.lock artifacts/runs/.[a-z]*

# Looked through at once, so that the app's first page need not.
$(DEMO): | $(VENV)/.run
	$(BIN)/python -m core demo
	$(BIN)/python -m core index demo >/dev/null

$(VENV)/.run: requirements.lock
	@set -e; test -x $(BIN)/python || for python in python3 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; \
	  then $$python -m venv $(VENV); break; fi; done
	@test -x $(BIN)/python || { echo "BlastLens needs Python 3.11, 3.12 or 3.13 on the PATH."; exit 1; }
	$(BIN)/python -m pip install --disable-pip-version-check -q --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	$(BIN)/python -m pip install --disable-pip-version-check -q --require-hashes -r requirements-dev.lock
	@touch $@

# What requirements.txt and requirements-dev.txt allow, pinned with hashes; uv is on the PATH.
LOCK := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header
lock:
	$(LOCK) requirements.txt -o requirements.lock
	$(LOCK) requirements-dev.txt -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf $(VENV) artifacts/cache artifacts/datasets
