# Latchkey: `make` lists the targets. Variables: ARCH for build; PORT, DATA_DIR
# and DYNAMODB_ENDPOINT for run; FUZZ_TIME for fuzz.

ARCH ?= arm64
FUZZ_TIME ?= 20s
ENGINE_VERSION := 1.2.1
LINT_VERSION := v2.15.0
VULN_VERSION := v1.9.0

GOARCH_OF_arm64 := arm64
GOARCH_OF_x86_64 := amd64
LAMBDA_FLAGS := -tags lambda.norpc -trimpath -ldflags '-s -w'
FUNCTIONS := $(notdir $(wildcard functions/*))

NPM_OS := $(shell uname -s | tr A-Z a-z)
NPM_ARCH := $(patsubst x86_64,x64,$(patsubst aarch64,arm64,$(shell uname -m)))
ENGINE_PACKAGE := @dynoxide/$(NPM_OS)-$(NPM_ARCH)
ENGINE := .tools/node_modules/$(ENGINE_PACKAGE)/dynoxide
LINT := .tools/bin/golangci-lint-$(LINT_VERSION)

.DEFAULT_GOAL := help
.PHONY: help run test test-go fuzz mutants bench lint build tokenctl tools clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: tokenctl $(if $(DYNAMODB_ENDPOINT),,$(ENGINE)) ## serve the API on this machine until Ctrl-C
	@build/tokenctl serve

test: test-go fuzz mutants ## all that proves the project on this machine

test-go: $(ENGINE) ## the tests, with the race detector; then their output is searched for secrets
	@mkdir -p build
	@.ci/without-secrets build/test.log go test -race -shuffle=on -timeout 20m ./...

fuzz: $(ENGINE) ## every fuzz target for FUZZ_TIME
	@.ci/fuzz $(FUZZ_TIME)

mutants: $(ENGINE) ## break the code in known places; the tests must notice
	go run ./cmd/mutants

bench: $(ENGINE) ## cold start, memory and the other figures that documents quote
	go test -run '^$$' -bench . -benchmem ./...

lint: $(LINT) ## format, vet, golangci-lint, known vulnerabilities
	go vet ./...
	$(LINT) run ./...
	@.ci/vulncheck $(VULN_VERSION)

build: $(FUNCTIONS:%=build-%) ## the functions: build/<name>/bootstrap, ARCH=arm64 or x86_64

build-%:
	CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH_OF_$(ARCH)) go build $(LAMBDA_FLAGS) -o build/$*/bootstrap ./functions/$*

tokenctl: ## the operator's command and local server: build/tokenctl
	@go build -o build/tokenctl ./cmd/tokenctl

tools: $(ENGINE) $(LINT) ## fetch the pinned engine and linter into .tools/

$(ENGINE):
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js, which brings it, or set DYNAMODB_ENDPOINT to an engine that you run." >&2; exit 1; }
	@npm install --no-save --no-package-lock --no-audit --no-fund --loglevel=error --prefix .tools $(ENGINE_PACKAGE)@$(ENGINE_VERSION) && touch $@

$(LINT):
	GOBIN=$(CURDIR)/.tools/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@mv .tools/bin/golangci-lint $@

clean: ## remove what was built and fetched; .local/ with your data stays
	rm -rf build .tools
