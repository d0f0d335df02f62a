# Latchkey: `make` lists the targets.

ARCH ?= arm64
ENGINE_VERSION := 1.2.1
LINT_VERSION := v2.15.0

GOARCH_OF_arm64 := arm64
GOARCH_OF_x86_64 := amd64
LAMBDA_FLAGS := -tags lambda.norpc -trimpath -ldflags '-s -w'
FUNCTIONS := $(notdir $(wildcard functions/*))

NPM_OS := $(shell uname -s | tr A-Z a-z)
NPM_ARCH := $(patsubst x86_64,x64,$(patsubst aarch64,arm64,$(shell uname -m)))
ENGINE_PACKAGE := @dynoxide/$(NPM_OS)-$(NPM_ARCH)
ENGINE := .tools/node_modules/$(ENGINE_PACKAGE)/dynoxide

.DEFAULT_GOAL := help
.PHONY: help run build tools

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

tools: $(ENGINE) ## fetch the pinned local engine into .tools/

$(ENGINE):
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js, which brings it, or set DYNAMODB_ENDPOINT to a DynamoDB that you have." >&2; exit 1; }
	npm install --no-save --no-package-lock --no-audit --no-fund --loglevel=error --prefix .tools $(ENGINE_PACKAGE)@$(ENGINE_VERSION)
	@test -x $@

build: $(FUNCTIONS:%=build-%) ## build the functions: build/<name>/bootstrap (ARCH=arm64|x86_64)

build-%:
	CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH_OF_$(ARCH)) go build $(LAMBDA_FLAGS) -o build/$*/bootstrap ./functions/$*
