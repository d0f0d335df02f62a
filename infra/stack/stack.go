// Package stack defines a stage of Latchkey on AWS. The functions, their routes
// and their permissions come from api.Functions; the differences between stages
// come from Stages.
package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// Options configures a stack for the place where it is deployed.
type Options struct {
	// Build is the folder in which `make build` writes <function>/bootstrap.
	Build string
	// Account and Region say where to deploy. If either is empty, the
	// credentials of the deployment decide.
	Account, Region string
	// Table is the name of an existing table, such as one restored from a
	// backup, to use instead of the stage's own. It is usually empty. The
	// stack then no longer has a table of its own: that table stays if the
	// stage has KeepData, and is deleted otherwise.
	Table string
	// TableStream is the ARN of that table's stream. Without it, the function
	// purge receives no records.
	TableStream string
	// Upstream is the URL of a model API. With it, the stack has the function
	// gateway in front of that API.
	Upstream string
	// UpstreamKey is the name of the parameter in Systems Manager, a
	// SecureString, with the upstream's key; the default is
	// /latchkey/<stage>/upstream-key.
	UpstreamKey string
	// UpstreamSettings are further environment variables of the function
	// gateway; UpstreamContext has their names.
	UpstreamSettings map[string]string
	// AlarmEmails receive a mail for every alarm, once they have confirmed the
	// subscription.
	AlarmEmails []string
}

// New adds the stack of a stage to a CDK app. It returns an error if a function
// is not built or if options do not fit together. CDK panics with its own errors.
func New(app constructs.Construct, stage Stage, options Options) (awscdk.Stack, error) {
	if err := options.checkUpstream(); err != nil {
		return nil, err
	}
	if err := options.checkBuild(); err != nil {
		return nil, err
	}
	if options.TableStream != "" && options.Table == "" {
		return nil, errors.New("tableStream is set but table is not: set both")
	}
	stack := awscdk.NewStack(app, jsii.String("Latchkey-"+stage.Name), &awscdk.StackProps{
		Description: jsii.String("Latchkey, stage " + stage.Name + ": API tokens"),
		Env:         options.environment(),
	})
	table := newTable(stack, stage, options)
	functions := newFunctions(stack, stage, options, table)
	gateway := newGateway(stack, stage)
	purge := newPurge(stage, functions, table)
	monitored := monitored{table, functions, gateway, purge}
	if stage.Alarms {
		alarms := newAlarms(stack, monitored, options.AlarmEmails)
		if stage.Canary {
			newCanaries(stack, functions, alarms)
		}
	}
	gateway.route(functions)
	offerAuthorizer(stack, functions)
	offerURL(stack, functions)
	purge.connect()
	newDashboard(stack, monitored)

	awscdk.NewCfnOutput(stack, jsii.String("ApiUrl"), &awscdk.CfnOutputProps{
		Value: gateway.api.ApiEndpoint(), Description: jsii.String("Base URL of the API"),
	})
	awscdk.NewCfnOutput(stack, jsii.String("TableName"), &awscdk.CfnOutputProps{
		Value: table.TableName(), Description: jsii.String("Name of the table. Set TABLE_NAME to it for tokenctl."),
	})
	return stack, nil
}

func (o Options) environment() *awscdk.Environment {
	if o.Account == "" || o.Region == "" {
		return nil
	}
	return &awscdk.Environment{Account: &o.Account, Region: &o.Region}
}

func (o Options) checkBuild() error {
	for _, f := range o.functionsOf() {
		if _, err := os.Stat(filepath.Join(o.Build, f.Name, "bootstrap")); err != nil {
			return fmt.Errorf("function %s is not built (%w): run `make build`", f.Name, err)
		}
	}
	return nil
}

// removal returns what happens to data when the stack is deleted.
func (s Stage) removal() awscdk.RemovalPolicy {
	if s.KeepData {
		return awscdk.RemovalPolicy_RETAIN
	}
	return awscdk.RemovalPolicy_DESTROY
}
