# `make help` lists the targets. Nothing but git, make and Node with npm has to be there.
MAKEFLAGS += --no-builtin-rules --no-print-directory
SHELL := /bin/sh
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

BUN_VERSION := $(shell sed -n 's/.*"bun": *">=\([0-9][0-9.]*\)".*/\1/p' package.json)
BUN_FOLDER := $(CURDIR)/.tools/bun-$(BUN_VERSION)
BUN := $(BUN_FOLDER)/bun
export PATH := $(BUN_FOLDER):$(PATH)

SOURCES := $(shell find src views policies migrations -type f 2>/dev/null)
RELEASES := linux-x64 linux-x64-musl linux-arm64 darwin-arm64 windows-x64
VERSION = $(shell sed -n 's/.*"version": *"\([^"]*\)".*/\1/p' package.json)
RELEASE = dist/release

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: node_modules/.stamp ## fetch Bun, where it is missing, and the dependencies

run: dist/writ ## build what is missing, then serve
	./dist/writ serve

build: dist/writ ## compile dist/writ, one executable

demo: dist/writ ## the whole story in one command
	./dist/writ demo

test: node_modules/.stamp test/peers/node_modules/.stamp dist/writ ## run all tests
	@mkdir -p dist/test-results
	bun test --reporter=junit --reporter-outfile=dist/test-results/all.xml

check: node_modules/.stamp ## all that CI runs: format, lint, types, every test
	node_modules/.bin/biome check --error-on-warnings
	node_modules/.bin/tsc -p .
	@$(MAKE) test

bench: node_modules/.stamp test/peers/node_modules/.stamp dist/writ ## measure: one JSON object a line
	@for file in test/bench/*.bench.ts; do bun "$$file" || exit 1; done

soak: node_modules/.stamp test/peers/node_modules/.stamp dist/writ ## the long forms of the tests
	SOAK=1 bun test --timeout=7200000 test/fault test/property test/soak

release: node_modules/.stamp ## every platform's executable, with checksums and an SBOM
	@rm -rf $(RELEASE); mkdir -p $(RELEASE)
	@set -e; for platform in $(RELEASES); do \
	  case $$platform in windows-*) suffix=.exe ;; *) suffix= ;; esac; \
	  scripts/compile $(RELEASE)/writ-$(VERSION)-$$platform$$suffix bun-$$platform; \
	  echo "$(RELEASE)/writ-$(VERSION)-$$platform$$suffix"; \
	done
	@bun scripts/sbom.ts > $(RELEASE)/writ-$(VERSION).cdx.json
	@cd $(RELEASE) && { if command -v sha256sum >/dev/null; then sha256sum *; else shasum -a 256 *; fi } > ../sums && mv ../sums SHA256SUMS

screenshots: node_modules/.stamp dist/writ ## every admin page as a picture, into dist/screenshots
	bun scripts/screenshots.ts dist/screenshots

clean: ## remove what was built (data folders stay)
	rm -rf dist coverage .tools node_modules test/peers/node_modules

print-bun: | $(BUN)
	@echo $(BUN)

# Named by version and linked, not copied: another version is another name, and a Bun that went away is looked for again.
$(BUN):
	@mkdir -p $(BUN_FOLDER)
	@bun=$$(scripts/find-bun $(BUN_VERSION)) && ln -sf "$$bun" $(BUN)

node_modules/.stamp: package.json bun.lock | $(BUN)
	bun install --frozen-lockfile
	@touch $@

test/peers/node_modules/.stamp: test/peers/package.json test/peers/bun.lock | $(BUN)
	cd test/peers && bun install --frozen-lockfile
	@touch $@

dist/writ: $(SOURCES) package.json scripts/compile node_modules/.stamp
	scripts/compile $@

.PHONY: print-bun help install run build demo test check bench soak release screenshots clean
