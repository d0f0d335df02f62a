package stacktest_test

import (
	"strings"

	"github.com/latchkey-api/latchkey/internal/document"
)

// A step is what the test has to know about a command of a document, beyond
// its text. Most commands need none.
type step struct {
	command string // how the command begins; the longest match counts
	notRun  string // why it is not run
	input   string // its standard input, in which placeholders are replaced
	before  action
	after   action
}

// An action is a preparation of a command, or a check of what it did.
type action string

const (
	none             action = ""
	checkAPI         action = "the API passes its suite"
	checkCI          action = "CloudFormation has the policy of infra/ci, and no other"
	createOtherAPI   action = "another HTTP API exists"
	checkAuthorizer  action = "the authorizer decides for the other API"
	configure        action = "infra/stages.json has the account and region of staging and prod"
	changeFunction   action = "the code of one function changes, and so only its version"
	checkRollBack    action = "the function has its previous version again"
	createTokens     action = "the stage has a user with two tokens"
	deleteToken      action = "one of the tokens is deleted after the backup"
	useRestored      action = "infra/stages.json has the restored table and its stream"
	checkRestored    action = "the stage uses the restored table, and the deleted token stays deleted"
	createUser       action = "the stage has a user with the name"
	checkKept        action = "only the table, the logs and the queue of the stage are left"
	checkNothingLeft action = "nothing of the stage is left"
)

func steps() []step {
	const elsewhere = "internal/deploytest runs it, with what it finds and mends"
	return []step{
		{command: "aws service-quotas", notRun: "MiniStack has no Service Quotas"},
		{command: "make smoke URL=<ApiUrl>", input: "<access token>\n"},
		{command: "build/tokenctl user create NAME", before: checkAPI},
		{command: "api=<id of your HTTP API>", before: createOtherAPI},
		{command: "aws apigatewayv2 update-route", after: checkAuthorizer},
		{command: "make diff STAGE=staging", before: configure},
		{command: "make cdk-bootstrap STAGE=prod CDK_FLAGS", before: configure, after: checkCI},
		{command: "aws lambda update-alias", before: changeFunction, after: checkRollBack},
		{command: "aws lambda invoke", notRun: "no check of timers has failed"},
		{command: "aws logs filter-log-events", notRun: "the functions of MiniStack write no logs to CloudWatch"},
		{command: "build/tokenctl doctor", notRun: elsewhere},
		{command: "build/tokenctl purge finish", notRun: elsewhere},
		{command: "aws dynamodb restore-table-to-point-in-time", before: createTokens, after: deleteToken},
		{command: "build/tokenctl restore --from-log FILE", notRun: "the log has to be exported from CloudWatch by hand"},
		{command: "make deploy STAGE=prod ALLOW=table", before: useRestored, after: checkRestored},
		{command: "build/tokenctl reconcile NAME --dry-run", before: createUser},
		{command: "make destroy STAGE=dev", after: checkNothingLeft},
		{command: "make destroy STAGE=prod", after: checkKept},
	}
}

// placeholders returns the placeholders for which there are values: outputs of
// earlier commands, see readValues, or of preparations.
func placeholders() []string {
	return []string{"<ApiUrl>", "<TableName>", "<AuthorizerArn>", "<ExecutionPolicyArn>", "<access token>", "<id of your HTTP API>", "<its route>", "<function>", "<previous version>", "<time>", "NAME"}
}

// stepOf returns what is known about a command, and whether anything is.
func stepOf(c document.Command) (found step, known bool) {
	for _, s := range steps() {
		if strings.HasPrefix(c.Text, s.command) && len(s.command) >= len(found.command) {
			found, known = s, true
		}
	}
	return found, known
}
