// Package listprice has the list prices of AWS that documents, queries and benchmarks
// use: those of us-east-1, in dollars. Prices change; check them.
package listprice

// Date is the day on which the prices were entered.
const Date = "2026-11-27"

// Prices of DynamoDB on demand.
// https://aws.amazon.com/dynamodb/pricing/on-demand/
const (
	PerMillionReadUnits  = 0.125
	PerMillionWriteUnits = 0.625
)

// OfUnits returns what read and write units of DynamoDB cost.
func OfUnits(read, write float64) float64 {
	return (read*PerMillionReadUnits + write*PerMillionWriteUnits) / 1e6
}
