# `make` lists the targets. npm packages have their versions in package.json,
# Python packages in scripts/*.txt. The tools that read the API document have
# theirs in internal/generatortest/drivers, too.

ARCH ?= arm64
FUZZ_TIME ?= 20s
SOAK ?= 10m
STAGE ?= dev
STAGES ?= infra/stages.json
FN ?= list
LINT_VERSION := v2.15.0
VULN_VERSION := v1.9.0
SBOM_VERSION := v1.10.0

GOARCH_OF_arm64 := arm64
GOARCH_OF_x86_64 := amd64
# The functions speak HTTP/1.1: DynamoDB and Lambda offer no other, and a process
# has one request at a time. So net/http's HTTP/2 is left out.
LAMBDA_FLAGS := -tags lambda.norpc,nethttpomithttp2 -trimpath -ldflags '-s -w'
FUNCTIONS := $(notdir $(wildcard functions/*))

NPM := node_modules/.package-lock.json
# These tests mostly wait for other processes and run little of our code, or count
# allocations, so make test-race runs them without the race detector, and also the
# transcripts of tokenctl, which start it hundreds of times.
NO_RACE := ./infra/... ./internal/gatewaytest ./internal/costtest ./internal/soaktest
RACE_PACKAGES = $(filter-out $(shell go list $(NO_RACE)),$(shell go list ./...))
LINT := .tools/bin/golangci-lint-$(LINT_VERSION)
CDK := node_modules/.bin/cdk
RUN_CDK = cd infra && ../$(CDK) --no-notices
FOR_STAGE = -c stage=$(STAGE) -c stages="$(abspath $(STAGES))" $(if $(ALLOW),-c "allow=$(ALLOW)") Latchkey-$(STAGE) $(CDK_FLAGS)

.DEFAULT_GOAL := help
.PHONY: help run tokenctl test test-race fuzz mutants test-security test-console test-clients test-deploy test-stack test-sam test-faults soak lint check bench bench-all bench-exact bench-peers bench-overspend build release sbom console image test-image \
	deploy-ci cdk-bootstrap synth diff deploy destroy smoke sam-api sam-invoke tools clean

help: ## list the targets
	@awk -F ':.*## ' '/^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Run on this machine

run: tokenctl $(if $(DYNAMODB_ENDPOINT),,$(NPM)) ## serve the API and the console until Ctrl-C; PORT, DATA_DIR and DYNAMODB_ENDPOINT have defaults
	@build/tokenctl serve

tokenctl: ## build the operator's command, build/tokenctl
	@go build -o build/tokenctl ./cmd/tokenctl

##@ Test

test: $(NPM) ## every Go test, with short random tests; then search the output for secrets
	@scripts/without-secrets build/test.log go test -short -shuffle=on -timeout 15m ./...

test-race: $(NPM) ## every Go test in full length, with the race detector except in infra, gatewaytest, soaktest and the transcripts of tokenctl
	@scripts/without-secrets build/test-race.log go test -race -shuffle=on -timeout 30m -skip '^TestScript$$' $(RACE_PACKAGES)
	@scripts/without-secrets build/test-long.log go test -shuffle=on -timeout 30m $(NO_RACE)
	@scripts/without-secrets build/test-script.log go test -shuffle=on -timeout 30m -run '^TestScript$$' ./cmd/tokenctl

fuzz: $(NPM) ## each fuzz target for FUZZ_TIME=20s
	@scripts/fuzz $(FUZZ_TIME)

mutants: $(NPM) ## break the code in known places; a test must fail each time
	go run ./cmd/mutants

test-security: $(NPM) ## the attack list: each attack, its test and the result; then search the output for secrets
	@go run ./internal/attacktest

test-console: tokenctl $(NPM) ## the console in Chromium; SCREENSHOTS=docs takes its pictures, MUTANTS=1 breaks it on purpose
	@scripts/test-console

test-clients: tokenctl $(NPM) ## real clients of OpenAI, Anthropic and Gemini through tokenctl proxy, and clients that are generated from the API document; ONLY=TEXT selects cases
	@scripts/test-clients

test-deploy: build $(NPM) ## deploy every stage with cdk to a local imitation of AWS
	@CDK=$(CDK) scripts/test-deploy

test-stack: $(NPM) ## follow docs/deploy.md and docs/ci.md, command by command, on an imitation of AWS that runs the functions
	@scripts/test-stack

test-sam: $(NPM) ## template.yaml with sam, in Docker, and every template with cfn-lint
	@scripts/test-sam

test-faults: $(NPM) ## every fault of every call to the table, killed processes, a full disk; writes docs/faults.md
	@scripts/without-secrets build/test-faults.log go test -count=1 -timeout 40m ./internal/faultstest -v -args -whole -update
	@scripts/without-secrets build/test-kill.log go test -count=1 -timeout 20m -run '^TestKilled' ./cmd/tokenctl -v

soak: $(NPM) ## ten minutes of mixed traffic of 50 users with 100,000 tokens, or SOAK=1h; writes docs/soak.md
	@scripts/without-secrets build/soak.log go test ./internal/soaktest -run TestSoak -count=1 -timeout 0 -v -args -lasts $(SOAK) -busy 0 -update

test-image: $(NPM) ## the container images, in Docker
	@scripts/test-image

lint: $(LINT) $(NPM) ## go vet, golangci-lint, eslint, tsc, govulncheck, npm audit; OFFLINE=1 if there is no internet access
	go vet ./...
	$(LINT) run ./...
	npm run --silent lint
	npm run --silent types
	@scripts/vulncheck $(VULN_VERSION)

check: $(NPM) ## all of the above, two at a time; test as a part of test-race
	@scripts/check

bench: $(NPM) ## measure requests a second, latency and starts, and write them into docs/benchmarks.md (about 8 minutes)
	go test ./internal/benchtest -count=1 -timeout 30m -args -timed

bench-all: $(NPM) ## run every Go benchmark, for the figures that other documents quote
	go test -run '^$$' -bench . -benchmem ./cmd/... ./shared/... ./internal/...

bench-exact: $(NPM) ## write units, round trips, allocations and binary sizes into docs/benchmarks.md, which a test compares
	go test ./internal/costtest -count=1 -update

bench-peers: $(NPM) ## measure beside LiteLLM, or the gateway of PEER_KIND and PEER_URL, and write a table into docs/benchmarks.md (about 5 minutes)
	@scripts/bench-peers

bench-overspend: tokenctl $(NPM) ## spend more than a quota with parallel requests and kill -9; prints how much it could
	@TOKENCTL=$(CURDIR)/build/tokenctl go run ./internal/clientstest/overspend

##@ Build

build: $(FUNCTIONS:%=build-%) ## the functions, build/<name>/bootstrap, for ARCH=arm64 or x86_64

build-%:
	CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH_OF_$(ARCH)) go build $(LAMBDA_FLAGS) -o build/$*/bootstrap ./functions/$*

console: $(NPM) ## what functions/console serves, from its sources and npm packages
	@go run ./cmd/console -npm node_modules

release: build sbom ## for operators without Go and Node: zips, templates and bills of materials of VERSION=v1.2.3 in build/release
	@go run ./cmd/licences build/THIRD-PARTY.txt
	@go run ./infra/release -version "$(VERSION)"

sbom: build tokenctl $(NPM) ## bills of materials (CycloneDX) of the functions, tokenctl and the console, in build/sbom
	@scripts/sbom $(SBOM_VERSION)

image: $(NPM) ## the container images latchkey (tokenctl) and latchkey-engine, with Docker
	@scripts/image

##@ Deploy to AWS (see docs/deploy.md)

# The stack runs on arm64.
release cdk-bootstrap synth diff deploy destroy test-deploy: override ARCH := arm64

deploy-ci: ## allow the GitHub Actions jobs SUBJECTS to deploy; see docs/ci.md
	aws cloudformation deploy --stack-name Latchkey-ci --template-file infra/ci/template.yaml \
	  --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset --parameter-overrides "Subjects=$(SUBJECTS)" $(CI_PARAMETERS)
	@aws cloudformation describe-stacks --stack-name Latchkey-ci --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' --output text

cdk-bootstrap: build $(NPM) ## prepare the AWS account and region of STAGE for cdk, once; CDK_FLAGS are passed on to cdk
	$(RUN_CDK) bootstrap -c stage=$(STAGE) -c stages="$(abspath $(STAGES))" $(CDK_FLAGS)

synth: build $(NPM) ## write the CloudFormation template of STAGE=dev to build/cdk.out
	$(RUN_CDK) synth --quiet $(FOR_STAGE)

diff: build $(NPM) ## show what deploy would change
	$(RUN_CDK) diff $(FOR_STAGE)

deploy: build $(NPM) ## deploy STAGE=dev, staging or prod with its settings in infra/stages.json; ALLOW=table, CDK_FLAGS
	@go run ./infra/predeploy -stages "$(STAGES)" -stage "$(STAGE)" -allow "$(ALLOW)" -cdk-flags "$(CDK_FLAGS)"
	$(RUN_CDK) deploy $(FOR_STAGE)

destroy: build $(NPM) ## delete STAGE; in prod the table and the logs remain
	@go run ./infra/predeploy -destroy -stages "$(STAGES)" -stage "$(STAGE)" -allow "$(ALLOW)" -cdk-flags "$(CDK_FLAGS)"
	$(RUN_CDK) destroy $(FOR_STAGE)

smoke: ## call every operation of the API at URL once; the access token is ACCESS_TOKEN, or is asked for
	@go run ./cmd/smoke -url "$(URL)"

##@ Run the functions in Docker (set DYNAMODB_ENDPOINT to what make run prints)

sam-api: ## serve the API at http://127.0.0.1:3000
	@scripts/sam-local start-api

sam-invoke: ## call function FN=list with its event, or EVENT=get-missing; KEY fills in a token's key
	@scripts/sam-local invoke $(FN) $(EVENT)

##@ Tools

tools: $(NPM) $(LINT) ## install the engine, cdk and the other npm packages, and the linter

clean: ## delete what was built and installed; your data in .local/ remains
	rm -rf build .tools node_modules

$(NPM): package.json package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js, which contains it." >&2; exit 1; }
	@npm ci --loglevel=error && touch $@

$(LINT):
	GOBIN=$(CURDIR)/.tools/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@mv .tools/bin/golangci-lint $@
