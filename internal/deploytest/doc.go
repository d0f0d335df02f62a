// Package deploytest rehearses a deployment: under the tag deploy its test
// has the real cdk command deploy every stage to a moto server and take it
// away again. `make test-deploy` has what it needs.
//
// moto is an account only in part. It has the stacks, functions with their
// code, roles, tables with key and stream, event sources, log groups, topics,
// queues, aliases. What it lacks, the tests of the template prove instead:
//
//   - Its CloudFormation makes no API Gateway v2, no alarms, no topic's
//     or queue's policy, nothing of CodeDeploy; it says so in its log and goes on.
//   - It makes a table without TTL, point-in-time recovery and limits of
//     throughput, a function without architecture, tracing and logging.
//   - A stack made by a change set, as cdk does, has no outputs.
//   - It answers 500 to the removal of a change set that does not exist, so
//     cdk diff compares templates instead.
//   - It enforces no permission: cdk's roles could be too small.
package deploytest
