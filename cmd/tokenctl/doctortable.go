package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/dynamo"
)

// Names of checks.
const (
	checkExists     = "table"
	checkTTL        = "time to live"
	checkStream     = "stream"
	checkBackups    = "backups"
	checkProtection = "deletion protection"
)

// checkTable checks the settings of the table. It returns false if there is none.
func (d *doctor) checkTable(ctx context.Context) bool {
	described, err := d.db.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &d.db.table})
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		d.add(d.noTable())
		for _, check := range append([]string{checkTTL, checkStream, checkBackups, checkProtection}, userChecks()...) {
			d.skip(check, "there is no table")
		}
		return false
	}
	d.checkTTL(ctx)
	if d.stage == nil && d.db.endpoint != "" {
		for _, check := range []string{checkStream, checkBackups, checkProtection} {
			d.skip(check, "it belongs to a table in AWS, and this engine is not AWS")
		}
		return true
	}
	if d.fail(checkStream, err) {
		d.fail(checkProtection, err)
	} else {
		d.add(d.judgeStream(described.Table))
		d.add(d.judgeProtection(aws.ToBool(described.Table.DeletionProtectionEnabled)))
	}
	d.checkBackups(ctx)
	return true
}

func (d *doctor) noTable() finding {
	f := finding{checkExists, stateProblem, d.db.table + " does not exist " + d.db.at() + "; check TABLE_NAME", "tokenctl table create"}
	switch {
	case d.stage != nil:
		f.Text, f.Command = d.db.table+" does not exist", "make deploy STAGE="+d.stage.name
	case d.db.endpoint == "":
		f.Command = "aws dynamodb list-tables"
	}
	return f
}

func (d *doctor) checkTTL(ctx context.Context) {
	ttl, err := d.db.client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &d.db.table})
	if d.fail(checkTTL, err) {
		return
	}
	f := finding{Check: checkTTL, State: stateOK, Text: "DynamoDB removes expired tokens"}
	t := ttl.TimeToLiveDescription
	on := t != nil && (t.TimeToLiveStatus == types.TimeToLiveStatusEnabled || t.TimeToLiveStatus == types.TimeToLiveStatusEnabling)
	switch {
	case !on:
		f.State, f.Text = stateProblem, "off, so expired tokens and saved responses stay in the table for good"
		f.Command = fmt.Sprintf("aws dynamodb update-time-to-live --table-name %s --time-to-live-specification Enabled=true,AttributeName=%s", d.db.table, dynamo.TTL)
	case aws.ToString(t.AttributeName) != dynamo.TTL:
		f.State, f.Text = stateProblem, fmt.Sprintf("it is on the attribute %s instead of %s; after this command, wait an hour and run doctor again", aws.ToString(t.AttributeName), dynamo.TTL)
		f.Command = fmt.Sprintf("aws dynamodb update-time-to-live --table-name %s --time-to-live-specification Enabled=false,AttributeName=%s", d.db.table, aws.ToString(t.AttributeName))
	}
	d.add(f)
}

// judgeStream checks that the stream has the items before and after each change:
// their difference is what was charged, and an item that was removed says what
// returns to a budget.
func (d *doctor) judgeStream(table *types.TableDescription) finding {
	f := finding{Check: checkStream, State: stateOK, Text: "it has each token before and after a change"}
	s := table.StreamSpecification
	switch {
	case s == nil || !aws.ToBool(s.StreamEnabled):
		f.State, f.Text = stateProblem, "off, so nothing counts the tokens that DynamoDB removes, and nothing adds up usage; afterwards connect the functions to the new stream with a deployment"
		f.Command = "aws dynamodb update-table --table-name " + d.db.table + " --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES"
	case s.StreamViewType != types.StreamViewTypeNewAndOldImages:
		f.State, f.Text = stateProblem, "it does not have the items before and after each change, so usage is missing in the history; afterwards turn it on as NEW_AND_OLD_IMAGES"
		f.Command = "aws dynamodb update-table --table-name " + d.db.table + " --stream-specification StreamEnabled=false"
	}
	return f
}

func (d *doctor) checkBackups(ctx context.Context) {
	backups, err := d.db.client.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &d.db.table})
	if d.fail(checkBackups, err) {
		return
	}
	on := false
	if b := backups.ContinuousBackupsDescription; b != nil && b.PointInTimeRecoveryDescription != nil {
		on = b.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus == types.PointInTimeRecoveryStatusEnabled
	}
	d.add(d.judgeBackups(on))
}

func (d *doctor) judgeBackups(on bool) finding {
	switch {
	case on:
		return finding{Check: checkBackups, State: stateOK, Text: "the table can be restored as of any second of the last days"}
	case d.isStage("dev"):
		return finding{Check: checkBackups, State: stateOK, Text: "off, as stage dev has it"}
	}
	return finding{
		checkBackups, stateProblem, "point-in-time recovery is off, so the table can't be restored",
		"aws dynamodb update-continuous-backups --table-name " + d.db.table + " --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true",
	}
}

func (d *doctor) judgeProtection(on bool) finding {
	switch {
	case on:
		return finding{Check: checkProtection, State: stateOK, Text: "on"}
	case d.isStage("dev"), d.isStage("staging"):
		return finding{Check: checkProtection, State: stateOK, Text: "off, as stage " + d.stage.name + " has it"}
	}
	f := finding{checkProtection, stateWarning, "off, so one command can delete the table", "aws dynamodb update-table --table-name " + d.db.table + " --deletion-protection-enabled"}
	if d.isStage("prod") {
		f.State = stateProblem
	}
	return f
}

func (d *doctor) isStage(name string) bool { return d.stage != nil && d.stage.name == name }
