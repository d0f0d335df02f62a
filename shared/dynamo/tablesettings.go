package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// A TableSetting is one that a table needs and that a table restored from a backup
// has switched off.
type TableSetting struct {
	Name    string // such as "time to live"
	WasOn   bool
	Unknown bool // the engine does not have it
}

// ProtectTable switches on what a restored table has switched off: time to live,
// the stream, point-in-time recovery and the protection against deletion. A dry run
// only reports them. stream is the ARN of the stream, "" without one.
func ProtectTable(ctx context.Context, client *dynamodb.Client, name string, dryRun bool) (settings []TableSetting, stream string, err error) {
	table, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		return nil, "", fmt.Errorf("describe table %s: %w", name, retryReads().explain(err))
	}
	p := protection{client, name, dryRun}
	spec := table.Table.StreamSpecification
	for _, setting := range []struct {
		name string
		on   func(context.Context) (bool, error)
		set  func(context.Context) error
	}{
		{"time to live", p.hasTTL, p.setTTL},
		{"point-in-time recovery", p.hasRecovery, p.setRecovery},
		{"deletion protection", func(context.Context) (bool, error) { return aws.ToBool(table.Table.DeletionProtectionEnabled), nil }, p.setDeletionProtection},
		{"stream", func(context.Context) (bool, error) { return spec != nil && aws.ToBool(spec.StreamEnabled), nil }, func(ctx context.Context) error { return SetStream(ctx, client, name, true) }},
	} {
		on, err := setting.on(ctx)
		if err == nil && !on && !dryRun {
			if err = setting.set(ctx); err == nil {
				err = p.waitActive(ctx)
			}
		}
		unknown := hasCode(err, map[string]struct{}{"UnknownOperationException": {}})
		if err != nil && !unknown {
			return settings, "", fmt.Errorf("switch on the %s of table %s: %w", setting.name, name, explainSetting(err))
		}
		settings = append(settings, TableSetting{setting.name, on, unknown})
	}
	table, err = client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		return settings, "", fmt.Errorf("describe table %s: %w", name, retryReads().explain(err))
	}
	return settings, aws.ToString(table.Table.LatestStreamArn), nil
}

// explainSetting returns an answer of DynamoDB as it is, and another error as for
// reads.
func explainSetting(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		return err
	}
	return retryReads().explain(err)
}

type protection struct {
	client *dynamodb.Client
	name   string
	dryRun bool
}

func (p protection) hasTTL(ctx context.Context) (bool, error) {
	out, err := p.client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &p.name})
	if err != nil || out.TimeToLiveDescription == nil {
		return false, err
	}
	status := out.TimeToLiveDescription.TimeToLiveStatus
	return status == types.TimeToLiveStatusEnabled || status == types.TimeToLiveStatusEnabling, nil
}

func (p protection) setTTL(ctx context.Context) error {
	_, err := p.client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               &p.name,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String(TTL), Enabled: aws.Bool(true)},
	})
	return err
}

func (p protection) hasRecovery(ctx context.Context) (bool, error) {
	out, err := p.client.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &p.name})
	if err != nil || out.ContinuousBackupsDescription == nil || out.ContinuousBackupsDescription.PointInTimeRecoveryDescription == nil {
		return false, err
	}
	return out.ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus == types.PointInTimeRecoveryStatusEnabled, nil
}

func (p protection) setRecovery(ctx context.Context) error {
	_, err := p.client.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{
		TableName:                        &p.name,
		PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)},
	})
	return err
}

func (p protection) setDeletionProtection(ctx context.Context) error {
	_, err := p.client.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: &p.name, DeletionProtectionEnabled: aws.Bool(true)})
	return err
}

// waitActive waits until the table can be changed again.
func (p protection) waitActive(ctx context.Context) error {
	active := dynamodb.NewTableExistsWaiter(p.client, quickly)
	return active.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &p.name}, maxTableWait)
}
