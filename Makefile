# Latchkey: `make` lists the targets. Variables: ARCH for build; PORT, DATA_DIR
# and DYNAMODB_ENDPOINT for run; FUZZ_TIME for fuzz; STAGE for what cdk does;
# FN, EVENT and KEY for sam-invoke; URL and TOKEN for smoke; CDK_CONTEXT for cdk.

ARCH ?= arm64
FUZZ_TIME ?= 20s
STAGE ?= dev
FN ?= list
ENGINE_VERSION := 1.2.1
LINT_VERSION := v2.15.0
VULN_VERSION := v1.9.0
# cdk 3.0.0 can't read what our CDK library writes.
CDK_VERSION := 2.1148.1
LIT_VERSION := 3.3.3
SWAGGER_UI_VERSION := 5.35.0
PLAYWRIGHT_VERSION := 1.64.1
AXE_VERSION := 4.14.1

GOARCH_OF_arm64 := arm64
GOARCH_OF_x86_64 := amd64
LAMBDA_FLAGS := -tags lambda.norpc -trimpath -ldflags '-s -w'
FUNCTIONS := $(notdir $(wildcard functions/*))

NPM_OS := $(shell uname -s | tr A-Z a-z)
NPM_ARCH := $(patsubst x86_64,x64,$(patsubst aarch64,arm64,$(shell uname -m)))
NPM_INSTALL := npm install --no-save --no-package-lock --no-audit --no-fund --loglevel=error --prefix
ENGINE_PACKAGE := @dynoxide/$(NPM_OS)-$(NPM_ARCH)
ENGINE := .tools/node_modules/$(ENGINE_PACKAGE)/dynoxide
LINT := .tools/bin/golangci-lint-$(LINT_VERSION)
CDK := .tools/cdk-$(CDK_VERSION)/node_modules/.bin/cdk
BROWSER := .tools/browser/$(PLAYWRIGHT_VERSION)-$(AXE_VERSION)
RUN_CDK = cd infra && ../$(CDK) --no-notices
FOR_STAGE = -c stage=$(STAGE) $(CDK_CONTEXT) Latchkey-$(STAGE)

.DEFAULT_GOAL := help
.PHONY: help run test test-go test-infra test-console fuzz mutants bench lint build tokenctl tools clean \
	console cdk-bootstrap synth diff deploy destroy smoke test-deploy sam-api sam-invoke test-sam

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# On this machine

run: tokenctl $(if $(DYNAMODB_ENDPOINT),,$(ENGINE)) ## serve the API on this machine until Ctrl-C
	@build/tokenctl serve

test: test-go test-infra fuzz mutants ## all that proves the project on this machine, but for test-console, test-deploy and test-sam

test-go: $(ENGINE) ## the tests, with the race detector; then their output is searched for secrets
	@mkdir -p build
	@.ci/without-secrets build/test.log go test -race -shuffle=on -timeout 20m ./cmd/... ./functions/... ./shared/...

test-infra: $(ENGINE) ## the tests of the stack; they need node, for CDK runs on it
	go test -timeout 20m ./infra/...

test-console: tokenctl $(ENGINE) $(BROWSER) ## the console in Chromium; SCREENSHOTS=docs takes its pictures instead, MUTANTS=1 breaks it on purpose
	@.ci/console $(BROWSER)

fuzz: $(ENGINE) ## every fuzz target for FUZZ_TIME
	@.ci/fuzz $(FUZZ_TIME)

mutants: $(ENGINE) ## break the code in known places; the tests must notice
	go run ./cmd/mutants

bench: $(ENGINE) ## cold start, memory and the other figures that documents quote
	go test -run '^$$' -bench . -benchmem ./cmd/... ./shared/...

lint: $(LINT) ## format, vet, golangci-lint, known vulnerabilities
	go vet ./...
	$(LINT) run ./...
	@.ci/vulncheck $(VULN_VERSION)

build: $(FUNCTIONS:%=build-%) ## the functions: build/<name>/bootstrap, ARCH=arm64 or x86_64

build-%:
	CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH_OF_$(ARCH)) go build $(LAMBDA_FLAGS) -o build/$*/bootstrap ./functions/$*

tokenctl: ## the operator's command and local server: build/tokenctl
	@go build -o build/tokenctl ./cmd/tokenctl

console: ## build what functions/console serves from its sources
	@$(NPM_INSTALL) .tools/console --ignore-scripts lit-html@$(LIT_VERSION) swagger-ui-dist@$(SWAGGER_UI_VERSION)
	@go run ./cmd/console -npm .tools/console/node_modules

sam-api: ## the functions in containers at http://127.0.0.1:3000; needs Docker and DYNAMODB_ENDPOINT, as make run prints it
	@.ci/sam/local start-api

sam-invoke: ## one function in a container, FN=get, with its event or EVENT=get-missing; needs the same
	@.ci/sam/local invoke $(FN) $(EVENT)

test-sam: $(ENGINE) ## template.yaml under the real sam, and all templates under cfn-lint
	@.ci/sam/test

# On AWS; docs/deploy.md tells how. The stack is for arm64.

cdk-bootstrap synth diff deploy destroy test-deploy: override ARCH := arm64

cdk-bootstrap: build $(CDK) ## prepare an account and region for cdk, once
	$(RUN_CDK) bootstrap

synth: build $(CDK) ## write the CloudFormation template of STAGE to build/cdk.out
	$(RUN_CDK) synth --quiet $(FOR_STAGE)

diff: build $(CDK) ## what deploy would change
	$(RUN_CDK) diff $(FOR_STAGE)

deploy: build $(CDK) ## deploy STAGE=dev, staging or prod
	$(RUN_CDK) deploy $(FOR_STAGE)

destroy: build $(CDK) ## take STAGE away; in prod the table and the logs are kept
	$(RUN_CDK) destroy $(FOR_STAGE)

smoke: ## walk a deployed API once: URL=… TOKEN=…
	@ACCESS_TOKEN=$(TOKEN) go run ./cmd/smoke -url "$(URL)"

test-deploy: build $(CDK) ## rehearse deployment of all stages: the real cdk against a moto server
	@CDK=$(CDK) .ci/deploy

# Tools

tools: $(ENGINE) $(LINT) $(CDK) ## fetch the pinned engine, linter and cdk into .tools/

$(ENGINE):
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js, which brings it, or set DYNAMODB_ENDPOINT to an engine that you run." >&2; exit 1; }
	@$(NPM_INSTALL) .tools $(ENGINE_PACKAGE)@$(ENGINE_VERSION) && touch $@

$(CDK):
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js, which brings it; cdk runs on it." >&2; exit 1; }
	@$(NPM_INSTALL) .tools/cdk-$(CDK_VERSION) aws-cdk@$(CDK_VERSION) && touch $@

$(BROWSER):
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js, which brings it; the browser tests run on it." >&2; exit 1; }
	@$(NPM_INSTALL) $@ --ignore-scripts playwright-core@$(PLAYWRIGHT_VERSION) axe-core@$(AXE_VERSION)

$(LINT):
	GOBIN=$(CURDIR)/.tools/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@mv .tools/bin/golangci-lint $@

clean: ## remove what was built and fetched; .local/ with your data stays
	rm -rf build .tools
