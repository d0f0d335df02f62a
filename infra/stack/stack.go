// Package stack describes what a stage of Latchkey is on AWS. The functions,
// their routes and their rights come from api.Functions; what differs between
// stages, from Stages.
package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/latchkey-api/latchkey/shared/api"
)

// Options are what a stack is told by its surroundings.
type Options struct {
	// Build is the folder with <function>/bootstrap, as `make build` leaves it.
	Build string
	// Account and Region are where to; if either is empty, to wherever the
	// credentials of the deployment lead.
	Account, Region string
	// Table is the name of a table that exists, such as one restored from a
	// backup, to use in the place of the stage's own; usually empty. The
	// stage's own is then given up: kept with KeepData, else deleted.
	Table string
	// TableStream is the ARN of that table's stream. Without one, function
	// purge gets nothing to count.
	TableStream string
	// AlarmEmails get a mail for every alarm, once they have confirmed.
	AlarmEmails []string
}

// New adds a stage's stack to a CDK app. The error says that functions are
// not built, or that a stream has no table; CDK itself panics with its errors.
func New(app constructs.Construct, stage Stage, options Options) (awscdk.Stack, error) {
	if err := checkBuild(options.Build); err != nil {
		return nil, err
	}
	if options.TableStream != "" && options.Table == "" {
		return nil, errors.New("the stream of an existing table is given, but not the table: give both")
	}
	stack := awscdk.NewStack(app, jsii.String("Latchkey-"+stage.Name), &awscdk.StackProps{
		Description: jsii.String("Latchkey, stage " + stage.Name + ": API tokens"),
		Env:         options.environment(),
	})
	table := newTable(stack, stage, options)
	functions := newFunctions(stack, stage, options.Build, table)
	gateway := newGateway(stack, stage)
	purge := newPurge(stage, functions, table)
	watch := watched{table, functions, gateway, purge}
	if stage.Alarms {
		alarms := newAlarms(stack, watch, options.AlarmEmails)
		if stage.Canary {
			newCanaries(stack, functions, alarms)
		}
	}
	gateway.route(functions)
	offerAuthorizer(stack, functions)
	purge.connect()
	newDashboard(stack, watch)

	awscdk.NewCfnOutput(stack, jsii.String("ApiUrl"), &awscdk.CfnOutputProps{
		Value: gateway.api.ApiEndpoint(), Description: jsii.String("The API, without a path"),
	})
	awscdk.NewCfnOutput(stack, jsii.String("TableName"), &awscdk.CfnOutputProps{
		Value: table.TableName(), Description: jsii.String("The table: TABLE_NAME for tokenctl"),
	})
	return stack, nil
}

func (o Options) environment() *awscdk.Environment {
	if o.Account == "" || o.Region == "" {
		return nil
	}
	return &awscdk.Environment{Account: &o.Account, Region: &o.Region}
}

func checkBuild(build string) error {
	for _, f := range api.Functions() {
		if _, err := os.Stat(filepath.Join(build, f.Name, "bootstrap")); err != nil {
			return fmt.Errorf("function %s is not built (%w): run `make build`", f.Name, err)
		}
	}
	return nil
}

// removal is what happens to data when the stack ends.
func (s Stage) removal() awscdk.RemovalPolicy {
	if s.KeepData {
		return awscdk.RemovalPolicy_RETAIN
	}
	return awscdk.RemovalPolicy_DESTROY
}
