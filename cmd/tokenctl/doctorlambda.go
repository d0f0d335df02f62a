package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// purgeFunction begins the logical ID of the function purge.
const purgeFunction = "purge"

// checkFunctions checks that each function is deployed completely, at one version.
func (d *doctor) checkFunctions(ctx context.Context) {
	client := lambda.NewFromConfig(d.stage.cfg)
	before, functions := len(d.findings), 0
	for _, r := range d.stage.resources {
		if r.kind != kindFunction || strings.HasPrefix(r.logical, "Custom") {
			continue
		}
		functions++
		f, err := client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &r.id})
		if d.fail(checkFunctions, err) {
			return
		}
		if f.State == types.StateFailed || f.LastUpdateStatus == types.LastUpdateStatusFailed {
			d.add(finding{checkFunctions, stateProblem, fmt.Sprintf("function %s can't run (%s)", r.id, aws.ToString(f.StateReason)+aws.ToString(f.LastUpdateStatusReason)), "make deploy STAGE=" + d.stage.name})
		}
		if err := d.checkAliases(ctx, client, r.id); d.fail(checkFunctions, err) {
			return
		}
	}
	if !d.found(checkFunctions, before) {
		d.add(finding{Check: checkFunctions, State: stateOK, Text: fmt.Sprintf("%d, each at its newest version", functions)})
	}
}

// checkAliases checks that the aliases of a function lead to its newest version
// alone.
func (d *doctor) checkAliases(ctx context.Context, client *lambda.Client, function string) error {
	aliases, err := client.ListAliases(ctx, &lambda.ListAliasesInput{FunctionName: &function})
	if err != nil || len(aliases.Aliases) == 0 {
		return err
	}
	newest := 0
	pages := lambda.NewListVersionsByFunctionPaginator(client, &lambda.ListVersionsByFunctionInput{FunctionName: &function})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, v := range page.Versions {
			if n, err := strconv.Atoi(aws.ToString(v.Version)); err == nil { // $LATEST is no number
				newest = max(newest, n)
			}
		}
	}
	for _, alias := range aliases.Aliases {
		if f, ok := judgeAlias(function, alias, newest); !ok {
			d.add(f)
		}
	}
	return nil
}

// judgeAlias returns a finding unless an alias leads to the newest version alone.
func judgeAlias(function string, alias types.AliasConfiguration, newest int) (f finding, ok bool) {
	name, version := aws.ToString(alias.Name), aws.ToString(alias.FunctionVersion)
	shifting := alias.RoutingConfig != nil && len(alias.RoutingConfig.AdditionalVersionWeights) > 0
	switch {
	case shifting:
		f.Text = fmt.Sprintf("alias %s of %s leads to two versions; a deployment is in progress, or was left so", name, function)
	case version != strconv.Itoa(newest):
		f.Text = fmt.Sprintf("alias %s of %s leads to version %s, and the newest is %d", name, function, version, newest)
	default:
		return f, true
	}
	f.Check, f.State = checkFunctions, stateWarning
	f.Command = fmt.Sprintf("aws lambda update-alias --function-name %s --name %s --function-version %d --routing-config '{}'", function, name, newest)
	return f, false
}

// checkConcurrency checks how many functions the account may run at a time.
func (d *doctor) checkConcurrency(ctx context.Context) {
	out, err := lambda.NewFromConfig(d.stage.cfg).GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	if !d.fail(checkConcurrency, err) {
		d.add(judgeConcurrency(out.AccountLimit))
	}
}

// fewFunctions is a limit below which an account was never raised: a new one has
// 10.
const fewFunctions = 100

func judgeConcurrency(limit *types.AccountLimit) finding {
	if limit == nil {
		return finding{Check: checkConcurrency, State: stateNotChecked, Text: "Lambda did not say how many functions may run at a time"}
	}
	n := limit.ConcurrentExecutions
	f := finding{Check: checkConcurrency, State: stateOK, Text: fmt.Sprintf("%d functions at a time in this account", n)}
	if n < fewFunctions {
		f.State, f.Text = stateWarning, fmt.Sprintf("the account runs only %d functions at a time, and the API answers 503 to requests beyond", n)
		f.Command = "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000"
	}
	return f
}

// checkMapping checks that Lambda reads the table's stream for a reader.
func (d *doctor) checkMapping(ctx context.Context, r streamReader) {
	id := d.stage.id(kindMapping, r.function)
	if id == "" {
		d.add(finding{r.checkMapping(), stateProblem, "nothing connects it to the stream, " + r.loss, "make deploy STAGE=" + d.stage.name})
		return
	}
	mapping, err := lambda.NewFromConfig(d.stage.cfg).GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &id})
	if d.fail(r.checkMapping(), err) {
		return
	}
	table, err := d.db.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &d.db.table})
	if d.fail(r.checkMapping(), err) {
		return
	}
	d.add(d.judgeMapping(r, id, aws.ToString(mapping.State), aws.ToString(mapping.EventSourceArn), aws.ToString(table.Table.LatestStreamArn)))
}

func (d *doctor) judgeMapping(r streamReader, id, state, source, stream string) finding {
	switch {
	case state != "Enabled" && state != "Enabling" && state != "Creating" && state != "Updating":
		return finding{r.checkMapping(), stateProblem, "the event source mapping is " + strings.ToLower(state) + ", " + r.loss, "aws lambda update-event-source-mapping --uuid " + id + " --enabled"}
	case source != stream:
		return finding{
			r.checkMapping(), stateProblem, "the event source mapping reads " + source + ", and the stream of the table is " + stream + "; set tableStream in infra/stages.json if the table is not the stage's own",
			"make deploy STAGE=" + d.stage.name,
		}
	default:
		return finding{Check: r.checkMapping(), State: stateOK, Text: "the event source mapping is " + strings.ToLower(state)}
	}
}
