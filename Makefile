# Herd. `make run` shows the product, `make test` proves it; `make help` lists the rest.

SWIFT_FLAGS := -c release --explicit-target-dependency-import-check error
# Tests check at run time that nobody changes what another one is looking at; for what is installed that would take a
# quarter of the instructions of a short answer.
PRODUCT_FLAGS := $(SWIFT_FLAGS) -Xswiftc -enforce-exclusivity=unchecked
# No test imports anything as @testable, and what they count is then nearly what is installed.
TEST_FLAGS := $(SWIFT_FLAGS) --disable-testable-imports --scratch-path .build/test
SWIFT_SOURCES := Package.swift Sources Tests Examples
# A test run that fails is one whatever its output is piped through.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
SHELL_SOURCES := $(wildcard Scripts/*.sh Scripts/*/*.sh) .ci/run

.PHONY: run stop build test thin-client measure measure-scale measure-complete measure-overload measure-tls bench bench-loops thresholds kill-loop power-loss faults soak hostile tls-scan fuzz test-tsan test-asan lint format
.PHONY: protos install help

help: ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

install: ## Install what a Debian 12 with the Swift toolchain lacks.
	@Scripts/install.sh

build: install ## Build herdd, herdctl and herd-load (release).
	swift build $(PRODUCT_FLAGS) --product herdd
	swift build $(PRODUCT_FLAGS) --product herdctl
	swift build $(PRODUCT_FLAGS) --product herd-load

run: ## Install, build, serve seven tiny models, evaluate them, train a herd, route, complete, refine, measure; leaves it running.
	@start=$$(date +%s); $(MAKE) --no-print-directory build && \
		echo "Installed and built in $$(($$(date +%s) - start)) s."
	@Scripts/demo.sh

stop: ## Stop the demonstration herd and its models.
	@Scripts/demo.sh stop

# One test at a time: some compute for seconds, and others hold deadlines that two busy cores would miss.
# Built in a folder of its own, since tests are compiled with other flags: make run and make test would else build
# everything anew in turns.
test: install ## All tests (release build).
	swift test $(TEST_FLAGS) --no-parallel 2>&1 | awk -f Scripts/failures-last.awk

thresholds: install ## Write Benchmarks/thresholds.json anew: what short answers may cost, counted, which make test holds.
	HERD_WRITE_THRESHOLDS=1 swift test $(TEST_FLAGS) --filter HotPathTests

thin-client: install ## Build a program with `traits: []`; fails if it fetches or links more than it may.
	@Scripts/thin-client.sh

measure: build ## Print the figures of README's table (needs the evaluation data).
	@Scripts/measure.sh

measure-scale: build ## New prompts, predictions in process, memory, starts, import, training, a thousand models (10 minutes).
	swift build $(SWIFT_FLAGS) --product prediction-speed
	python3 Scripts/scale/measure.py --json .build/scale.json

measure-overload: build ## Three times what a herd can do, idle connections by the ten thousand, floods (10 minutes).
	python3 Scripts/scale/overload.py --json .build/overload.json
	python3 Scripts/scale/crowd.py --json .build/crowd.json

measure-tls: build ## What TLS costs a herd: a call's processor time, a new connection's, memory of an idle one.
	python3 Scripts/scale/tls.py --json .build/tls.json

measure-complete: build ## What Complete adds to the time of an answer, against asking the same llama.cpp server directly.
	.venv/bin/python Scripts/measure_complete.py
	.venv/bin/python Scripts/measure_complete.py --cached

bench: build ## Herd beside a C epoll echo and gRPC C++, on pinned cores (QUICK=1: a first look; GUARDED=1: with tokens, limits, metrics; README=1: into README).
	@Scripts/install.sh --bench
	python3 Benchmarks/bench.py $(if $(QUICK),--quick) $(if $(GUARDED),--guarded) $(if $(README),--readme)

bench-loops: build ## What a second event loop brings, and how evenly connections are spread over the two.
	python3 Benchmarks/scaling.py

hostile: build ## Attack a herd over the wire in every known way, at full length (minutes).
	.venv/bin/python Tests/Interop/hostile.py --herdd .build/release/herdd --full --repeats 3 --random 20000

tls-scan: build ## Scan what a herd speaks over TLS with sslyze; fails on anything under 1.2 and anything weak.
	python3 -m venv .build/tls-scan
	.build/tls-scan/bin/python -m pip install --quiet --disable-pip-version-check sslyze==6.3.1
	.build/tls-scan/bin/python Scripts/tls-scan.py --json .build/tls-scan.json

test-tsan: install ## The concurrent suites under the thread sanitizer.
	swift test --sanitize=thread --scratch-path .build/tsan --no-parallel --filter \
		'HerdStoreTests|HerdTransportTests|HerdServerTests|HerdClientTests|HerdLoadTests|HerdBackendsTests|(WatchModels|Registry|Import|Decision)Tests'

test-asan: install ## The suites that touch C memory under the address sanitizer.
	ASAN_OPTIONS=allocator_may_return_null=1 LSAN_OPTIONS=suppressions=$(CURDIR)/Tests/leaks.supp \
	swift test --sanitize=address --scratch-path .build/asan --no-parallel --filter \
		'HerdStoreTests|HerdMessagesTests|HerdFramesTests|HerdReflectionTests|HerdTransportTests|HerdBackendsTests|HerdDatasetsTests|FuzzReplayTests'

kill-loop: install ## kill -9 at ROUNDS random moments under every method (SEED repeats a run); nothing acknowledged is lost.
	HERD_ROUNDS=$(or $(ROUNDS),200) HERD_SEED=$(SEED) \
		swift test $(TEST_FLAGS) --no-parallel --filter KillLoopTests

faults: install ## Restarts, handovers, kills and freezes of real processes, ROUNDS times each (ROUNDS=20).
	HERD_ROUNDS=$(or $(ROUNDS),20) swift test $(TEST_FLAGS) --no-parallel --filter \
		'RestartTests|SuccessionTests|ScorerFaultTests|FrozenRouterTests|EndingTests|ClockTests'

power-loss: install ## CUTS simulated power cuts at random moments (SEED repeats a run); the same.
	HERD_CUTS=$(or $(CUTS),200) HERD_SEED=$(SEED) \
		swift test $(TEST_FLAGS) --no-parallel --filter PowerLossTests

MINUTES := 15
soak: build ## MINUTES at half of the capacity under every method (SEED repeats a run); memory and descriptors stay.
	.venv/bin/python Tests/Interop/soak.py --herdd .build/release/herdd --herd-load .build/release/herd-load \
		--minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

SECONDS := 10
fuzz: install ## Attack every reader of foreign bytes with libFuzzer for SECONDS each (SECONDS=10; TARGETS="frames message.*").
	@Scripts/fuzz.sh --seconds $(SECONDS) $(TARGETS)

lint: ## Formatter and linters; fails on any finding.
	swift format lint --strict --recursive $(SWIFT_SOURCES)
	shellcheck $(SHELL_SOURCES)

format: ## Format all Swift code.
	swift format --in-place --recursive $(SWIFT_SOURCES)

protos: install ## Generate C and Swift code from Protos/.
	Scripts/messages/generate.sh
