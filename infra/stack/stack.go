// Package stack defines a stage of Latchkey on AWS. The functions, their routes
// and their permissions come from api.Functions; the differences between stages
// come from Stages.
package stack

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/latchkey-api/latchkey/infra/eventsource"
	"github.com/latchkey-api/latchkey/infra/stages"
)

// Options configures a stack for the place where it is deployed.
type Options struct {
	// Build is the folder in which `make build` writes <function>/bootstrap.
	Build string
	// Settings are those of the stage in infra/stages.json. stages.Read has
	// checked them. If Account or Region is empty, the credentials of the
	// deployment decide.
	stages.Settings
}

// New adds the stack of a stage to a CDK app. It returns an error if a function
// is not built or if the settings do not suit the stage. CDK panics with its own
// errors.
func New(app constructs.Construct, stage Stage, options Options) (awscdk.Stack, error) {
	if err := options.checkBuild(); err != nil {
		return nil, err
	}
	stage, err := stage.with(options.Settings)
	if err != nil {
		return nil, err
	}
	stack := awscdk.NewStack(app, jsii.String("Latchkey-"+stage.Name), &awscdk.StackProps{
		Description: jsii.String("Latchkey, stage " + stage.Name + ": API tokens"),
		Env:         options.environment(),
	})
	addTags(stack, stage)
	own := newTable(stack, stage)
	table := tableOf(stack, options, own)
	functions := newFunctions(stack, stage, options, table)
	gateway := newGateway(stack, stage, options)
	purge := newPurge(stage, functions, table)
	history := newStreamReader(eventsource.History(), functions, table)
	updateFirst(history.function, functions)
	outlet := newOutlet(stack, stage, functions)
	newTimers(stack, stage, functions)
	monitored := monitored{table, functions, gateway, purge, history, outlet}
	if stage.Alarms {
		alarms := newAlarms(stack, monitored, options.AlarmEmails)
		newDeployments(stack, functions, alarms, stage.Canary)
	}
	gateway.route(functions)
	offerAuthorizer(stack, functions)
	offerURL(stack, functions)
	purge.connect()
	history.connect(nil)
	outlet.connect()
	newDashboard(stack, monitored)
	newQueries(stack, stage, functions)
	newBudget(stack, stage, options)
	newBackupPlan(stack, options, table)

	awscdk.NewCfnOutput(stack, jsii.String("ApiUrl"), &awscdk.CfnOutputProps{
		Value: gateway.offerDomain(stack, options), Description: jsii.String("Base URL of the API"),
	})
	awscdk.NewCfnOutput(stack, jsii.String("TableName"), &awscdk.CfnOutputProps{
		Value: table.TableName(), Description: jsii.String("Name of the table. Set TABLE_NAME to it for tokenctl."),
	})
	awscdk.NewCfnOutput(stack, jsii.String("OwnTableName"), &awscdk.CfnOutputProps{
		Value: own.TableName(), Description: jsii.String("Name of the table that the stack made. It is not used while infra/stages.json names another."),
	})
	return stack, nil
}

// addTags tags every resource, so that the bill can be split by them once they are
// activated as cost allocation tags.
func addTags(stack awscdk.Stack, stage Stage) {
	for key, value := range map[string]string{tagService: "latchkey", tagStage: stage.Name} {
		awscdk.Tags_Of(stack).Add(&key, &value, nil)
	}
}

const (
	tagService = "latchkey:service"
	tagStage   = "latchkey:stage"
)

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

// removal returns what happens to data when the stack is deleted. Data that is
// kept is deleted nevertheless if the deployment that makes it fails: it is empty.
func (s Stage) removal() awscdk.RemovalPolicy {
	if s.KeepData {
		return awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE
	}
	return awscdk.RemovalPolicy_DESTROY
}

// removalOfTable keeps a table that is protected from deletion even if the
// deployment that makes it fails. CloudFormation can't delete it, and would leave
// the stack in the state ROLLBACK_FAILED, in which nothing can be deployed.
func (s Stage) removalOfTable() awscdk.RemovalPolicy {
	if s.KeepData {
		return awscdk.RemovalPolicy_RETAIN
	}
	return s.removal()
}
