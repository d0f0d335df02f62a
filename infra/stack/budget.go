package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsbudgets"
	"github.com/aws/jsii-runtime-go"
)

// newBudget mails the addresses for alarms when the stage has cost four fifths of
// the dollars of the settings in a month, and when it is forecast to cost them
// all. It counts what has the tags of the stage, once they are activated as cost
// allocation tags. An account's first two budgets are free.
func newBudget(stack awscdk.Stack, stage Stage, options Options) {
	if options.BudgetDollars == 0 {
		return
	}
	var mails []any
	for _, email := range options.AlarmEmails {
		mails = append(mails, &awsbudgets.CfnBudget_SubscriberProperty{Address: &email, SubscriptionType: jsii.String("EMAIL")})
	}
	tell := func(kind string, percent float64) any {
		return &awsbudgets.CfnBudget_NotificationWithSubscribersProperty{
			Notification: &awsbudgets.CfnBudget_NotificationProperty{
				NotificationType: &kind, ComparisonOperator: jsii.String("GREATER_THAN"),
				Threshold: &percent, ThresholdType: jsii.String("PERCENTAGE"),
			},
			Subscribers: mails,
		}
	}
	awsbudgets.NewCfnBudget(stack, jsii.String("Budget"), &awsbudgets.CfnBudgetProps{
		Budget: &awsbudgets.CfnBudget_BudgetDataProperty{
			BudgetName: jsii.String(*stack.StackName() + "-" + *stack.Region()), // unique in the account
			BudgetType: jsii.String("COST"), TimeUnit: jsii.String("MONTHLY"),
			BudgetLimit: &awsbudgets.CfnBudget_SpendProperty{Amount: jsii.Number(options.BudgetDollars), Unit: jsii.String("USD")},
			CostFilters: map[string]any{"TagKeyValue": []string{"user:" + tagStage + "$" + stage.Name}},
		},
		NotificationsWithSubscribers: []any{tell("ACTUAL", 80), tell("FORECASTED", 100)},
	})
}
