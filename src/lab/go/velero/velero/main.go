// Command velero is Velero as released, with one default changed so that several servers fit on one machine.
package main

import (
	"os"
	"path/filepath"

	"k8s.io/klog/v2"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/vmware-tanzu/velero/pkg/cmd"
	"github.com/vmware-tanzu/velero/pkg/cmd/velero"
)

func main() {
	defer klog.Flush()
	// Velero has no flag for controller-runtime's own metrics listener, which binds *:8080: a second server would die,
	// and it is not loopback. Velero's own metrics (--metrics-address) are not affected.
	metricsserver.DefaultBindAddress = "0"

	cmd.CheckError(velero.NewCommand(filepath.Base(os.Args[0])).Execute())
}
