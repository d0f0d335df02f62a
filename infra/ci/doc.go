// Package ci has no code: template.yaml in this folder is a CloudFormation stack
// with what an account needs for deployments from CI, and the tests check it
// against the stacks that are deployed with it. docs/ci.md says how to use it.
package ci
