package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go"
)

// A stage is a deployed stack, with the AWS configuration that reaches it.
type stage struct {
	name      string
	status    string // of the stack
	cfg       aws.Config
	outputs   map[string]string
	resources []resource
}

// A resource is one of a stack. Its ID is what AWS calls the physical ID: the URL
// of a queue, the ARN of a topic, and the name of most others.
type resource struct{ kind, logical, id string }

// The types of resources that commands look for.
const (
	kindTable    = "AWS::DynamoDB::Table"
	kindQueue    = "AWS::SQS::Queue"
	kindTopic    = "AWS::SNS::Topic"
	kindFunction = "AWS::Lambda::Function"
	kindLogGroup = "AWS::Logs::LogGroup"
	kindMapping  = "AWS::Lambda::EventSourceMapping"
)

// stackName returns the name of a stage's stack, as infra/stack makes it.
func stackName(name string) string { return "Latchkey-" + name }

// findStage reads the stack of a stage. Without the permission or without the
// stack, the error is a problem.
func findStage(ctx context.Context, cfg aws.Config, name string) (*stage, error) {
	s := &stage{name: name, cfg: cfg, outputs: map[string]string{}}
	client := cloudformation.NewFromConfig(cfg)
	stacks, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(stackName(name))})
	if err != nil {
		return nil, s.explain(err)
	}
	for _, stack := range stacks.Stacks {
		s.status = string(stack.StackStatus)
		for _, output := range stack.Outputs {
			s.outputs[aws.ToString(output.OutputKey)] = aws.ToString(output.OutputValue)
		}
	}
	pages := cloudformation.NewListStackResourcesPaginator(client, &cloudformation.ListStackResourcesInput{StackName: aws.String(stackName(name))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, s.explain(err)
		}
		for _, r := range page.StackResourceSummaries {
			s.resources = append(s.resources, resource{aws.ToString(r.ResourceType), aws.ToString(r.LogicalResourceId), aws.ToString(r.PhysicalResourceId)})
		}
	}
	return s, nil
}

// id returns the ID of the first resource of a kind whose logical ID begins with
// prefix, or "" if there is none.
func (s *stage) id(kind, prefix string) string {
	for _, r := range s.resources {
		if r.kind == kind && strings.HasPrefix(r.logical, prefix) {
			return r.id
		}
	}
	return ""
}

// table returns the name of the table that the stage uses, which may be one
// outside the stack, or "" if the stack does not say.
func (s *stage) table() string {
	if name := s.outputs["TableName"]; name != "" {
		return name
	}
	return s.id(kindTable, "")
}

// purgeQueue returns the URL of the queue of removals that purge could not count,
// or "" if the stage has none.
func (s *stage) purgeQueue() string {
	return s.id(kindQueue, "purgeUncounted")
}

// explain turns an error of CloudFormation into a problem.
func (s *stage) explain(err error) error {
	var refused smithy.APIError
	switch {
	case errors.As(err, &refused) && strings.Contains(refused.ErrorMessage(), "does not exist"):
		return problemf("there is no stack %s in AWS region %s: check --stage, AWS_PROFILE and AWS_REGION", stackName(s.name), s.cfg.Region)
	case errors.As(err, &refused):
		return problemf("CloudFormation refused to describe the stack %s (%s): check the permissions of the credentials", stackName(s.name), refused.ErrorCode())
	default:
		return fmt.Errorf("describe the stack %s: %w", stackName(s.name), err)
	}
}
