// kubectl, as Kubernetes builds it from these modules: there is no Go package of it that `go install` would take.
package main

import (
	"os"

	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	if err := cmd.NewDefaultKubectlCommand().Execute(); err != nil {
		util.CheckErr(err)
		os.Exit(1)
	}
}
