package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/latchkey-api/latchkey/infra/queries"
)

// newQueries saves the queries over the log groups of all functions, of which a
// saved query takes up to 50. They cost nothing until someone runs them.
func newQueries(stack awscdk.Stack, stage Stage, functions []*function) {
	scope := constructs.NewConstruct(stack, jsii.String("Queries"))
	var groups []any
	for _, name := range *logGroupsOf(functions) {
		groups = append(groups, name)
	}
	for _, q := range queries.All() {
		awslogs.NewCfnQueryDefinition(scope, jsii.String(q.Name), &awslogs.CfnQueryDefinitionProps{
			Name:          jsii.String("Latchkey/" + stage.Name + "/" + q.Name),
			QueryString:   jsii.String(q.Text()),
			LogGroupNames: &groups,
		})
	}
}

// queryWidgets returns a widget for each saved query.
func queryWidgets(functions []*function) (all []awscloudwatch.IWidget) {
	for _, q := range queries.All() {
		all = append(all, query(logGroupsOf(functions), q.Title, awscloudwatch.LogQueryVisualizationType_TABLE, q.Lines...))
	}
	return all
}

func logGroupsOf(functions []*function) *[]*string {
	var names []*string
	for _, f := range functions {
		names = append(names, f.logs.LogGroupName())
	}
	return &names
}
