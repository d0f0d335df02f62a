package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/latchkey-api/latchkey/infra/stages"
)

// A connection is to the account and region that cdk will deploy to.
type connection struct {
	config aws.Config
	region string
}

// connect uses the credentials that cdk uses. The region is, in this order,
// AWS_REGION, that of the settings, and that of the profile; checkPlace refuses
// AWS_REGION if the settings have another.
func connect(ctx context.Context, s stages.Settings, getenv func(string) string, allowed stages.Allowed) (*connection, error) {
	region := cmp.Or(getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION"))
	if !allowed.Account {
		region = cmp.Or(region, s.Region)
	}
	config, err := config.LoadDefaultConfig(ctx, config.WithRegion(region))
	if err != nil {
		return nil, fmt.Errorf("the AWS configuration can't be read (%w): check AWS_PROFILE; `aws configure list-profiles` prints the profiles", err)
	}
	if config.Region == "" {
		return nil, errors.New("no region: set region of the stage in infra/stages.json, or AWS_REGION")
	}
	return &connection{config, config.Region}, nil
}

func (c *connection) account(ctx context.Context) (string, error) {
	identity, err := sts.NewFromConfig(c.config).GetCallerIdentity(ctx, nil)
	var network *net.OpError
	if errors.As(err, &network) {
		return "", fmt.Errorf("AWS can't be reached in region %s (%w): check the connection, the region, and AWS_ENDPOINT_URL if it is set", c.region, network)
	}
	if err != nil {
		return "", fmt.Errorf("no usable AWS credentials (%w): set AWS_PROFILE, or log in with `aws sso login`", err)
	}
	return aws.ToString(identity.Account), nil
}

// tables returns the tables of a stack from its outputs. A stack without outputs
// was never deployed completely.
func (c *connection) tables(ctx context.Context, stack string) (found tables, err error) {
	described, err := cloudformation.NewFromConfig(c.config).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &stack})
	var refused smithy.APIError
	if errors.As(err, &refused) && refused.ErrorCode() == "ValidationError" && strings.Contains(refused.ErrorMessage(), "does not exist") {
		return tables{}, nil
	}
	if err != nil {
		return tables{}, fmt.Errorf("which table stack %s uses can't be read: %w", stack, err)
	}
	for _, s := range described.Stacks {
		for _, output := range s.Outputs {
			switch aws.ToString(output.OutputKey) {
			case "TableName":
				found.used = aws.ToString(output.OutputValue)
			case "OwnTableName":
				found.own = aws.ToString(output.OutputValue)
			}
		}
	}
	return found, nil
}
