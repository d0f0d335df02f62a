// Package deploytest rehearses a deployment. With the build tag deploy, its test
// deploys every stage with the real cdk command to moto, a server that imitates
// AWS, and deletes it again. `make test-deploy` installs what the test needs.
//
// moto imitates stacks, functions with their code, roles, tables with keys and
// streams, event sources, log groups, topics, queues and aliases. The tests of
// the template cover what it does not imitate:
//
//   - Its CloudFormation creates no API Gateway v2, alarms, topic policies,
//     queue policies or CodeDeploy resources. It logs that and continues.
//   - It creates tables without TTL, point-in-time recovery and throughput
//     limits, and functions without architecture, tracing and logging.
//   - A stack that a change set creates, as cdk does it, has no outputs.
//   - It answers 500 when a change set that does not exist is deleted, so the
//     test makes cdk diff compare templates instead.
//   - It does not enforce permissions, so a role of cdk could allow too little.
package deploytest
