// The command argocd-cmp is what Argo CD does with a config management plugin, by Argo CD's own code: the server that
// runs beside a plugin, and the client that sends it an Application's folder as an archive. Between them is a socket, as
// between the containers of a repo-server.
//
// Its arguments are the folder of a plugin.yaml, a repository and the folder of an Application in it. Standard input
// holds what Argo CD knows of the Application, as JSON, and standard output gets what came of it, as JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	log "github.com/sirupsen/logrus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/argoproj/argo-cd/v3/cmpserver/apiclient"
	"github.com/argoproj/argo-cd/v3/cmpserver/plugin"
	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	repoclient "github.com/argoproj/argo-cd/v3/reposerver/apiclient"
	"github.com/argoproj/argo-cd/v3/util/cmp"
)

// What Argo CD knows of an Application.
type application struct {
	Name        string                                     `json:"name"`
	Namespace   string                                     `json:"namespace"`
	KubeVersion string                                     `json:"kubeVersion"`
	APIVersions []string                                   `json:"apiVersions"`
	Parameters  v1alpha1.ApplicationSourcePluginParameters `json:"parameters"`
}

// What came of it. A plugin that does not match is not asked to generate.
type outcome struct {
	Discovers  bool                                `json:"discovers"`
	Matches    bool                                `json:"matches"`
	Parameters []*repoclient.ParameterAnnouncement `json:"parameters"`
	Manifests  []string                            `json:"manifests"`
	Error      string                              `json:"error"`
}

func main() {
	// What the server says of each command it runs, the outcome says.
	log.SetOutput(io.Discard)
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "argocd-cmp:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 4 {
		return fmt.Errorf("usage: argocd-cmp PLUGIN_FOLDER REPOSITORY FOLDER_IN_IT < application.json")
	}
	var app application
	if err := json.NewDecoder(os.Stdin).Decode(&app); err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	work, err := os.MkdirTemp("", "argocd-cmp")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.Setenv(common.EnvCMPWorkDir, work); err != nil {
		return err
	}
	config, err := plugin.ReadPluginConfig(os.Args[1])
	if err != nil {
		return err
	}
	client, stop, err := serve(*config, filepath.Join(work, "socket"))
	if err != nil {
		return err
	}
	defer stop()
	env, err := environment(app)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var result outcome
	if err := ask(ctx, client, os.Args[2], os.Args[3], env, &result); err != nil {
		result.Error = err.Error()
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

// What cmpserver.ArgoCDCMPServer does, but for metrics, health and version.
func serve(config plugin.PluginConfig, socket string) (apiclient.ConfigManagementPluginServiceClient, func(), error) {
	service := plugin.NewService(plugin.CMPServerInitConstants{PluginConfig: config})
	if err := service.Init(common.GetCMPWorkDir()); err != nil {
		return nil, nil, err
	}
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(apiclient.MaxGRPCMessageSize),
		grpc.MaxSendMsgSize(apiclient.MaxGRPCMessageSize),
	)
	apiclient.RegisterConfigManagementPluginServiceServer(server, service)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, nil, err
	}
	go func() { _ = server.Serve(listener) }()
	connection, err := grpc.NewClient(
		"unix://"+socket,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(apiclient.MaxGRPCMessageSize),
			grpc.MaxCallSendMsgSize(apiclient.MaxGRPCMessageSize),
		),
	)
	if err != nil {
		server.Stop()
		return nil, nil, err
	}
	stop := func() {
		_ = connection.Close()
		server.Stop()
	}
	return apiclient.NewConfigManagementPluginServiceClient(connection), stop, nil
}

// As newEnv and getPluginEnvs of reposerver/repository/repository.go, which are not exported.
func environment(app application) ([]string, error) {
	env := []string{
		"ARGOCD_APP_NAME=" + app.Name,
		"ARGOCD_APP_NAMESPACE=" + app.Namespace,
		"KUBE_VERSION=" + app.KubeVersion,
		"KUBE_API_VERSIONS=" + strings.Join(app.APIVersions, ","),
	}
	parameters, err := app.Parameters.Environ()
	return append(env, parameters...), err
}

// In the order in which a repo-server asks.
func ask(
	ctx context.Context,
	client apiclient.ConfigManagementPluginServiceClient,
	repository, folder string,
	env []string,
	result *outcome,
) error {
	checked, err := client.CheckPluginConfiguration(ctx, &emptypb.Empty{})
	if err != nil {
		return err
	}
	result.Discovers = checked.IsDiscoveryConfigured
	path := filepath.Join(repository, folder)
	match, err := client.MatchRepository(ctx)
	if err != nil {
		return err
	}
	if err := cmp.SendRepoStream(ctx, path, repository, match, env, nil); err != nil {
		return err
	}
	matched, err := match.CloseAndRecv()
	if err != nil {
		return err
	}
	result.Matches = matched.IsSupported
	if !result.Matches {
		return nil
	}
	announce, err := client.GetParametersAnnouncement(ctx)
	if err != nil {
		return err
	}
	if err := cmp.SendRepoStream(ctx, path, repository, announce, env, nil); err != nil {
		return err
	}
	announced, err := announce.CloseAndRecv()
	if err != nil {
		return err
	}
	result.Parameters = announced.ParameterAnnouncements
	generate, err := client.GenerateManifest(ctx)
	if err != nil {
		return err
	}
	if err := cmp.SendRepoStream(ctx, path, repository, generate, env, nil); err != nil {
		return err
	}
	generated, err := generate.CloseAndRecv()
	if err != nil {
		return err
	}
	result.Manifests = generated.Manifests
	return nil
}
