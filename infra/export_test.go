package main

// Main runs the app. The test binary starts itself with it, which takes less
// time than building the app once more.
func Main() { main() }
