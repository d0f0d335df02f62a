package stack

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
)

// newTimers lets the function history make schedules that call it when tokens expire.
// They are in a group of their own, and are deleted with it.
func newTimers(stack awscdk.Stack, stage Stage, functions []*function) {
	history := functions[slices.IndexFunc(functions, func(f *function) bool { return f.Name == api.History })]
	group := jsii.String("latchkey-" + stage.Name)
	awsscheduler.NewCfnScheduleGroup(stack, jsii.String("Timers"), &awsscheduler.CfnScheduleGroupProps{Name: group})
	groupARN := stack.FormatArn(&awscdk.ArnComponents{
		Service: jsii.String("scheduler"), Resource: jsii.String("schedule-group"), ResourceName: group,
	})
	// Only schedules of this group may use the role.
	// https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
	role := awsiam.NewRole(stack, jsii.String("TimersRole"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("scheduler.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceArn": groupARN, "aws:SourceAccount": stack.Account()}},
		}),
	})
	role.AddToPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions: jsii.Strings("lambda:InvokeFunction"), Resources: &[]*string{history.target.FunctionArn()},
	}))
	setVariable(history, boot.EnvScheduleGroup, group)
	setVariable(history, boot.EnvScheduleRole, role.RoleArn())
	allow(history, stack.FormatArn(&awscdk.ArnComponents{
		Service: jsii.String("scheduler"), Resource: jsii.String("schedule"), ResourceName: jsii.String(*group + "/timers-*"),
	}), "scheduler:CreateSchedule", "scheduler:DeleteSchedule")
	allow(history, role.RoleArn(), "iam:PassRole")
	policy := history.lambda.Role().Node().FindChild(jsii.String("DefaultPolicy"))
	accept(policy, "AwsSolutions-IAM5", "The names of schedules contain the time that they are for; all are in the group of the stage.",
		&cdknag.RegexAppliesTo{Regex: jsii.String(`/^Resource::arn:.+:scheduler:.+:schedule\/latchkey-` + stage.Name + `\/timers-\*$/`)})
}
