// Package deploytest rehearses a deployment. With the build tag deploy, its test
// deploys every stage with the real cdk command to moto, a server that imitates
// AWS, and deletes it again. Other tests run the commands of tokenctl that call AWS
// services other than DynamoDB. `make test-deploy` installs what they need.
//
// moto imitates stacks, functions with their code, roles, tables with keys and
// streams, event sources, log groups, topics, queues and aliases. The tests of
// the template cover what it does not imitate:
//
//   - Its CloudFormation creates no API Gateway v2, alarms, metric filters, topic
//     policies, queue policies or CodeDeploy resources. It logs that and continues.
//   - It creates tables without TTL, point-in-time recovery and throughput
//     limits, and functions without architecture and logging.
//   - A stack that a change set creates, as cdk does it, has no outputs.
//   - It answers 500 when a change set that does not exist is deleted, so the
//     test makes cdk diff compare templates instead.
//   - It does not enforce permissions, so a role of cdk could allow too little.
package deploytest
