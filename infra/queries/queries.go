// Package queries has the queries of CloudWatch Logs Insights over the log lines
// of the functions. Each is both a saved query and a widget of the dashboard.
// docs/deploy.md describes the fields of a line and what each query answers.
package queries

import (
	"fmt"
	"strings"

	"github.com/latchkey-api/latchkey/infra/listprice"
)

// A Query is a query over the log groups of all functions.
type Query struct {
	Name  string // of the saved query, without the name of the stage
	Title string // of the widget
	Lines []string
}

// Text returns the query as CloudWatch takes it.
func (q Query) Text() string { return strings.Join(q.Lines, Separator) }

// Separator separates the lines of a query, as in CDK's widgets.
const Separator = "\n| "

// All returns all queries.
//
// The filter on msg leaves out the function gateway, whose lines have no units
// and whose ms are the model's. Lines of requests without a known user have user
// 0, and lines about several tokens have no token_id.
func All() []Query {
	return []Query{
		{
			Name: "Tenants", Title: "Tenants: requests, units, dollars of DynamoDB, p99 in ms",
			Lines: []string{
				`filter msg = "request" and user_id > 0`,
				"stats count(*) as requests, " + costs() + ", pct(ms, 99) as p99 by user_id",
				"sort dollars desc",
				"limit 50",
			},
		},
		{
			Name: "Refused by reason", Title: "Refused requests by reason",
			Lines: []string{
				"filter ispresent(code)",
				"stats count(*) as requests, count_distinct(user_id) as users by code, scope, route",
				"sort requests desc",
				"limit 50",
			},
		},
		{
			Name: "Dearest tokens", Title: "Dearest tokens: requests, units, dollars of DynamoDB",
			Lines: []string{
				`filter msg = "request" and token_id > 0`,
				"stats count(*) as requests, " + costs() + " by user_id, token_id",
				"sort dollars desc",
				"limit 20",
			},
		},
	}
}

// costs returns the columns of units and of what DynamoDB asks for them. A sum of
// a field that no line of a group has is empty, and so is what is computed from
// it: both fields have to be in every line that the filters let through.
func costs() string {
	return fmt.Sprintf("sum(read_units) as reads, sum(write_units) as writes, (sum(write_units) * %g + sum(read_units) * %g) / 1000000 as dollars",
		listprice.PerMillionWriteUnits, listprice.PerMillionReadUnits)
}
